import type { SagaEffect } from '../core/effect';
import type { SagaEvent } from '../core/event';
import type { Plan } from '../core/plan';
import type { SagaValue } from '../core/saga-value';
import { transition } from '../core/transition';
import type { SagaObserver } from '../ports/saga-observer';
import type { Claim } from '../ports/claim';
import type { ApplyRequest, ApplyResult } from '../ports/report';
import type { SagaStore } from '../ports/saga-store';
import type { StoredSaga } from '../ports/stored-saga';
import type { Dispatcher } from './dispatcher';
import type { Heartbeats } from './heartbeats';
import type { Onlookers } from './onlookers';
import { ParentWaker } from './parent-waker';
import type { Scheduler } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';
import type { Waiters } from './waiters';

export type Applied = Extract<ApplyResult, { readonly kind: 'applied' }>;

/** A person's word that a stuck saga may go on with: its parent shows that it is stuck. */
const MOVES_ON: readonly SagaEvent['type'][] = ['compensate', 'retry-step', 'reported'];

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

export interface CommitTimes {
  readonly resendMs: number;
  readonly graceMs: number;
}

/** Decides, stores, then performs: the only way in which this process changes a saga that has started. */
export class Committer {
  private readonly pauses = new Set<() => void>();
  private impatient = false;
  private readonly parents: ParentWaker;

  constructor(
    private readonly store: SagaStore,
    private readonly dispatcher: Dispatcher,
    private readonly heartbeats: Heartbeats,
    private readonly waiters: Waiters,
    private readonly observer: SagaObserver,
    private readonly times: CommitTimes,
    /** Asks the sweeper to look when a wait will be over. */
    private readonly lookIn: (ms: number) => void,
    private readonly onlookers: Pick<Onlookers, 'happened' | 'begun'>,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.parents = new ParentWaker(store, (sagaId, event) => this.commit(sagaId, event));
  }

  /** One try. The result says what became of the event; errors of the store are a result too. */
  commit(
    sagaId: string,
    event: SagaEvent,
    given: Pick<ApplyRequest, 'basis' | 'chain'> = {},
    announce?: (applied: Applied) => void,
  ): Promise<ApplyResult> {
    const committed = ([result]: readonly ApplyResult[]): ApplyResult => {
      if (result === undefined) return { kind: 'failed', error: new Error('the store gave no result') };
      if (result.kind !== 'applied') return result;
      announce?.(result); // first what happened, then what follows from it
      this.perform(result.plan, result.saga, result.effects, event, result.ended);
      return result;
    };
    const { resendMs, graceMs } = this.times;
    return this.store.apply([{ sagaId, event, resendMs, graceMs, ...given }], transition).then(committed, failed);
  }

  /** Tries until the store answers or `until` (by the scheduler) has passed: the outcome of user code is not given up lightly. */
  async commitPatiently(
    sagaId: string,
    event: SagaEvent,
    given: Pick<ApplyRequest, 'basis' | 'chain'>,
    until: number,
    announce: (applied: Applied) => void,
  ): Promise<ApplyResult> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const result = await this.commit(sagaId, event, given, announce);
      if (result.kind !== 'failed') return result;
      this.observer.notify({ type: 'engine.trouble', where: `commit of ${event.type}`, error: result.error });
      if (this.impatient || this.scheduler.now() + pauseMs > until) return result;
      await this.pause(pauseMs);
    }
  }

  /** What follows from something that is stored. @param ended the whole of a saga that it has ended, if that is known */
  perform(plan: Plan, saga: SagaValue, effects: readonly SagaEffect[], event?: SagaEvent, ended?: StoredSaga): void {
    const { id: sagaId, name, parent } = saga;
    this.onlookers.happened(plan, saga, effects);
    this.dispatcher.perform(sagaId, effects);
    if (event?.type === 'suspended' && event.wait.kind === 'saga') this.tell(this.parents.begun(sagaId, event.operation, event.wait));
    const isEnd = effects.some((effect) => effect.type === 'ended');
    if (parent !== null && (isEnd || (event !== undefined && MOVES_ON.includes(event.type)))) this.tell(this.parents.wake(parent));
    for (const effect of effects) {
      if (effect.type === 'wait' && effect.endsInMs !== null) this.lookIn(effect.endsInMs);
      if (effect.type === 'abort') this.heartbeats.abort(sagaId, effect.operation, 'the saga turned back');
      if (effect.type === 'attention') this.observer.notify({ type: 'saga.attention', sagaId, name, raised: effect.raised });
      if (effect.type !== 'ended') continue;
      this.waiters.ended(sagaId, ended);
      this.observer.notify({ type: 'saga.ended', sagaId, name, state: effect.state });
    }
  }

  /** A worker begins with what it has claimed. */
  begun(claim: Claim): void {
    this.onlookers.begun(claim);
  }

  /** What fails here is made up for by a sweep. */
  private tell(told: Promise<void>): void {
    void told.catch((error: unknown) => this.observer.notify({ type: 'engine.trouble', where: 'parent', error: toError(error) }));
  }

  /** From now on nothing is tried twice: the process is going away. */
  hurry(): void {
    this.impatient = true;
    for (const end of this.pauses) end();
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.pauses.delete(end);
        resolve();
      };
      const timer = this.scheduler.after(ms, end);
      this.pauses.add(end);
    });
  }
}

function failed(error: unknown): ApplyResult {
  return { kind: 'failed', error: toError(error) };
}
