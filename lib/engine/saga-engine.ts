import {
  SagaActiveError,
  SagaAttentionError,
  SagaClosedError,
  SagaInputError,
  SagaNotFoundError,
  SagaTerminalError,
  SagaWaitInHandlerError,
} from '../errors';
import { toJson } from '../core/json';
import { isSagaId } from '../core/names';
import type { SagaState } from '../core/saga-value';
import type { StepList } from '../core/step-spec';
import type { Direction } from '../core/operation';
import type { Identity } from '../ports/identity';
import type { MessageTransport, WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaQuery, SagaStore, StoredHistoryEntry } from '../ports/saga-store';
import type { StepInvoker } from '../ports/step-invoker';
import { AttemptReporter } from './attempt-reporter';
import { AttemptRunner } from './attempt-runner';
import { Committer } from './committer';
import { Dispatcher } from './dispatcher';
import type { EngineOptions } from '../options/engine-options';
import { HandlerBook } from './handler-book';
import { insideHandler } from './handler-scope';
import { Heartbeats } from './heartbeats';
import { Janitor } from './janitor';
import { Saga } from './saga';
import type { StartOptions } from './start-options';
import { Starter, type StartedSaga } from './starter';
import { Sweeper } from './sweeper';
import { TransactionalRunner } from './transactional-runner';
import { Waiters } from './waiters';
import { Workers } from './workers';

export interface EngineParts {
  readonly store: SagaStore;
  readonly transport: MessageTransport;
  readonly invoker: StepInvoker;
  readonly observer: SagaObserver;
  readonly identity: Identity;
}

export interface CompensateOptions {
  /** For the history. Up to 1,000 bytes. */
  readonly reason?: string;
  /** Who asks, for the history. Up to 1,000 bytes. */
  readonly actor?: string;
}

/** Handlers that were told to stop get this long to say so. */
const LAST_WORDS_MS = 1_000;
/** Closing waits this long for a broker or a database that does not answer. */
const CLOSE_MS = 5_000;

type Phase = 'new' | 'open' | 'running' | 'stopped' | 'closed';

/** The engine of one process: wires its parts together and owns their life. */
export class SagaEngine {
  private phase: Phase = 'new';
  private opening: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private readonly heartbeats: Heartbeats;
  private readonly waiters: Waiters;
  private readonly dispatcher: Dispatcher;
  private readonly committer: Committer;
  private readonly runner: AttemptRunner;
  private readonly workers: Workers;
  private readonly sweeper: Sweeper;
  private readonly book: HandlerBook;
  private readonly starter: Starter;
  private readonly janitor: Janitor;

  constructor(
    private readonly parts: EngineParts,
    private readonly options: EngineOptions,
  ) {
    const { store, transport, invoker, observer, identity } = parts;
    const runHere = (wakeUp: WakeUp): boolean => this.phase === 'running' && this.workers.wake(wakeUp);
    const works = options.workers.action + options.workers.undo > 0;
    this.heartbeats = new Heartbeats(store, observer, options);
    this.waiters = new Waiters(store, observer);
    this.dispatcher = new Dispatcher(transport, observer, options.brokerFallbackMs, runHere);
    this.committer = new Committer(store, this.dispatcher, this.heartbeats, this.waiters, observer, options);
    const { limits } = options.plan;
    const reporter = new AttemptReporter(this.committer, observer, options);
    const transactional = new TransactionalRunner(store, invoker, this.heartbeats, reporter, observer, options, limits);
    this.runner = new AttemptRunner(invoker, this.committer, this.heartbeats, reporter, transactional, options, limits, (ms) =>
      this.sweeper.hurry(ms),
    );
    this.workers = new Workers(store, invoker, this.runner, observer, identity, options);
    this.sweeper = new Sweeper(store, this.dispatcher, this.committer, observer, options, runHere);
    this.book = new HandlerBook(store, invoker.declarations, options.group, works);
    this.janitor = new Janitor(store, observer, options.retention);
    this.starter = new Starter(store, this.book, this.committer, observer, identity, options);
  }

  /** Whether this process can take work: the reason when it cannot. */
  get trouble(): string | null {
    if (this.phase !== 'running' && this.phase !== 'open') return `the engine is ${this.phase}`;
    return this.workers.exhausted ? 'too many handlers outlived their timeout' : null;
  }

  /** Opens the store and begins to connect to the broker. A broker that is down delays nothing. */
  async open(): Promise<void> {
    this.opening ??= this.openParts();
    await this.opening;
  }

  private async openParts(): Promise<void> {
    const { store, transport } = this.parts;
    await store.open();
    try {
      await this.book.open();
      await transport.open();
    } catch (error) {
      await store.close(); // a process that does not start must not be kept alive by our connections
      throw error;
    }
    this.phase = 'open';
  }

  /** Begins to work: consumes wake-ups and sweeps. */
  async run(): Promise<void> {
    await this.open();
    if (this.phase === 'running') return;
    if (this.phase !== 'open' || this.closing !== undefined) throw new SagaClosedError('run');
    this.phase = 'running';
    this.consume('action', 'step');
    this.consume('undo', 'compensation');
    this.sweeper.start();
    this.janitor.start();
  }

  private consume(direction: Direction, what: string): void {
    const slots = this.options.workers[direction];
    const keys = this.parts.invoker.declarations.filter((declaration) => declaration.direction === direction).map(({ key }) => key);
    if (slots === 0 || keys.length === 0) return;
    this.parts.transport.consume({
      direction,
      keys,
      prefetch: slots,
      onDelivery: (delivery) => this.workers.receive(delivery),
      onUnreadable: async (message) => {
        await this.parts.store.quarantine(message);
        this.parts.observer.notify({ type: 'message.quarantined', source: `${what}: ${message.source}`, reason: message.reason });
      },
    });
  }

  /** Takes no more work and waits for what runs, up to the drain time; then its handlers are told to stop and left to others. */
  async stop(): Promise<void> {
    if (this.phase === 'running') this.stopping = this.stopParts();
    await this.stopping;
  }

  private async stopParts(): Promise<void> {
    this.phase = 'stopped';
    this.runner.drain();
    const drained = this.workers.drain();
    const { sweeper, janitor } = this;
    const quiet = Promise.all([drained, this.parts.transport.stop(), sweeper.stop(), janitor.stop()]);
    await settledWithin(quiet, this.options.drainMs); // what they complete is still dispatched: the next step should not wait for a sweep
    this.heartbeats.abortAll('the process is shutting down');
    await settledWithin(drained, LAST_WORDS_MS);
    this.committer.hurry();
  }

  /** Stops, then closes the connections. A call while another is under way waits for that one. */
  async close(): Promise<void> {
    this.closing ??= this.closeParts();
    await this.closing;
  }

  private async closeParts(): Promise<void> {
    await this.opening?.catch(() => undefined); // a process that does not get to start must still be closed
    await this.stop();
    const wasOpen = this.phase !== 'new';
    this.phase = 'closed';
    this.dispatcher.stop();
    this.waiters.close();
    if (!wasOpen) return;
    await settledWithin(this.book.close(), CLOSE_MS);
    await settledWithin(this.parts.transport.close(), CLOSE_MS);
    await settledWithin(this.parts.store.close(), CLOSE_MS);
  }

  async start(name: string, steps: StepList, context: unknown, options: StartOptions): Promise<StartedSaga> {
    this.refuseWhenClosed('start a saga');
    const started = await this.starter.start(name, steps, context, options);
    if (options.deadlineMs !== undefined && started.created) this.sweeper.hurry(options.deadlineMs);
    return started;
  }

  async find(sagaId: string): Promise<Saga | null> {
    const stored = isSagaId(sagaId) ? await this.parts.store.find(sagaId) : null;
    return stored === null ? null : new Saga(stored);
  }

  /** @throws SagaNotFoundError */
  async get(sagaId: string): Promise<Saga> {
    const saga = await this.find(sagaId);
    if (saga === null) throw new SagaNotFoundError(sagaId);
    return saga;
  }

  async list(query: SagaQuery): Promise<readonly Saga[]> {
    return (await this.parts.store.list(query)).map((stored) => new Saga(stored));
  }

  async history(sagaId: string): Promise<readonly StoredHistoryEntry[]> {
    return isSagaId(sagaId) ? this.parts.store.history(sagaId) : [];
  }

  /** @throws SagaNotFoundError, SagaWaitTimeoutError, SagaWaitInHandlerError */
  async waitFor(sagaId: string, timeoutMs: number): Promise<Saga> {
    if (insideHandler()) throw new SagaWaitInHandlerError(sagaId);
    this.refuseWhenClosed('wait for a saga');
    const saga = await this.get(sagaId);
    if (saga.isTerminal || saga.isStuck) return saga;
    await this.waiters.wait(sagaId, timeoutMs);
    return this.get(sagaId);
  }

  /** @throws SagaNotFoundError, SagaTerminalError */
  async compensate(sagaId: string, { reason, actor }: CompensateOptions): Promise<Saga> {
    if (!isSagaId(sagaId)) throw new SagaNotFoundError(sagaId);
    const event = { type: 'compensate', reason: textOf(reason, 'reason'), actor: textOf(actor, 'actor') } as const;
    const result = await this.committer.commit(sagaId, event);
    if (result.kind === 'failed') throw result.error;
    if (result.kind === 'missing') throw new SagaNotFoundError(sagaId);
    if (result.kind === 'ignored' && result.reason === 'terminal') throw new SagaTerminalError(sagaId, result.state, 'compensate');
    return this.get(sagaId);
  }

  /** @throws SagaNotFoundError, SagaActiveError, SagaAttentionError */
  async delete(sagaId: string): Promise<void> {
    const result = isSagaId(sagaId) ? await this.parts.store.delete(sagaId) : 'missing';
    if (result === 'missing') throw new SagaNotFoundError(sagaId);
    if (result === 'attention') throw new SagaAttentionError(sagaId);
    if (result !== 'deleted') throw new SagaActiveError(sagaId, result.active satisfies SagaState);
  }

  /** For the repository: an event from outside, and its result. */
  get commits(): Pick<Committer, 'commit'> {
    return this.committer;
  }

  private refuseWhenClosed(verb: string): void {
    if (this.phase === 'closed' || this.phase === 'new') throw new SagaClosedError(verb);
  }
}

/** Resolves when the work has settled or the time is over. */
async function settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), deadline]);
  clearTimeout(timer);
}

/** @throws SagaInputError */
function textOf(text: string | undefined, name: string): string | null {
  if (text === undefined) return null;
  const checked = toJson(text, `options.${name}`, { maxBytes: 1_000 });
  if (typeof checked !== 'string') throw new SagaInputError(`options.${name}`, '', 'must be a text');
  return checked;
}
