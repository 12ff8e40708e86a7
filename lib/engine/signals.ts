import { SagaInputError, SagaNotFoundError, SagaTerminalError } from '../errors';
import { toJson, type JsonLimits } from '../core/json';
import { isRecord, knownFields } from '../core/known-fields';
import { isSagaId, isValidName, NAME_RULE, quoted } from '../core/names';
import type { Operation, OperationRef } from '../core/operation';
import type { SagaValue } from '../core/saga-value';
import type { Identity } from '../ports/identity';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { Committer } from './committer';
import { announceWord } from './outside-word';
import { toError } from './to-error';

export interface SignalOptions {
  /** The same id twice is one signal of its saga: for whoever may have to say it again. Up to 200 characters. Default: a new one. */
  readonly signalId?: string;
  /** The caller's transaction (TypeORM: its EntityManager): the signal comes if and only if that commits. */
  readonly manager?: unknown;
}

export interface SentSignal {
  readonly sagaId: string;
  readonly signalId: string;
  /** False: the saga has had a signal with this id before, and that one stays as it is. */
  readonly accepted: boolean;
}

const FIELDS = Object.keys({ signalId: true, manager: true } satisfies Record<keyof SignalOptions, true>);
const LONGEST_ID = 200;

/** Keeps what a saga is told, and brings it to whoever waits for it. */
export class Signals {
  constructor(
    private readonly store: Pick<SagaStore, 'addSignal' | 'nextSignal' | 'find'>,
    private readonly committer: Pick<Committer, 'commit'>,
    private readonly identity: Pick<Identity, 'newId'>,
    private readonly observer: SagaObserver,
    private readonly limits: JsonLimits,
  ) {}

  /** @throws SagaInputError, SagaNotFoundError, SagaTerminalError */
  async send(sagaId: string, name: string, payload: unknown, options: SignalOptions): Promise<SentSignal> {
    if (!isValidName(name)) throw new SagaInputError('name of the signal', '', `${quoted(name)} is not ${NAME_RULE}`);
    const { signalId = this.identity.newId(), manager } = signalOptionsOf(options);
    const signal = { sagaId, signalId, name, payload: toJson(payload ?? null, 'payload', this.limits) };
    if (!isSagaId(sagaId)) throw new SagaNotFoundError(sagaId);
    const result = await this.store.addSignal(signal, manager);
    if (result.kind === 'missing') throw new SagaNotFoundError(sagaId);
    if (result.kind === 'ended') throw new SagaTerminalError(sagaId, result.state, 'signal');
    const accepted = result.kind === 'added';
    // Somebody whose answer got lost may ask again: then it is brought again, too.
    if (accepted && result.committed !== null) void result.committed.then(() => this.bring(sagaId, name));
    else await this.bring(sagaId, name);
    return { sagaId, signalId, accepted };
  }

  /** Brings what has come to the steps that wait for it, the oldest one to whoever has waited longest. What this cannot do a sweep does later. */
  async bring(sagaId: string, name: string): Promise<void> {
    try {
      for (let isMore = true; isMore;) isMore = await this.bringOne(sagaId, name);
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'signal', error: toError(error) });
    }
  }

  private async bringOne(sagaId: string, name: string): Promise<boolean> {
    // Asked first: of most waits that are looked at now and then there is nothing to bring.
    const signal = await this.store.nextSignal(sagaId, name);
    const stored = signal === null ? null : await this.store.find(sagaId);
    const waiting = stored === null ? undefined : firstWaiting(stored.saga, name);
    if (waiting === undefined || signal === null) return false;
    const { signalId, payload: output } = signal;
    const result = { kind: 'completed', output } as const;
    const event = { type: 'called-back', operation: refOf(waiting), result, takes: { name, signalId } } as const;
    const told = await this.committer.commit(sagaId, event, undefined, (applied) => announceWord(this.observer, applied, event));
    if (told.kind === 'failed') throw told.error;
    // Not waiting any more, or taken by another one: there may be others for each of the two.
    return told.kind !== 'missing';
  }
}

function firstWaiting(saga: SagaValue, name: string): Operation | undefined {
  const waiting = [...saga.operations.values()].filter(
    ({ state, wait }) => state === 'waiting' && wait?.kind === 'signal' && wait.name === name,
  );
  return waiting.sort((a, b) => a.order - b.order)[0];
}

function refOf({ step, direction, round }: Operation): OperationRef {
  return { step, direction, round };
}

function signalOptionsOf(options: unknown): SignalOptions {
  const { signalId, manager } = knownFields(options, 'options', FIELDS);
  if (signalId !== undefined && (typeof signalId !== 'string' || signalId === ''))
    return refuse('/signalId', 'must be a text with at least one character');
  if (signalId !== undefined && signalId.length > LONGEST_ID)
    return refuse('/signalId', `${signalId.length} characters are more than ${LONGEST_ID}`);
  if (signalId !== undefined) toJson(signalId, 'options.signalId', { maxBytes: Infinity }); // only what PostgreSQL can store
  if (manager !== undefined && !isRecord(manager))
    return refuse('/manager', 'must be the EntityManager of an open transaction; leave it out to send in a transaction of its own');
  return { manager, ...(signalId === undefined ? {} : { signalId }) };
}

function refuse(path: string, reason: string): never {
  throw new SagaInputError('options', path, reason);
}
