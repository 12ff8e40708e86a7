import type { SagaEffect } from '../core/effect';
import type { SagaEvent } from '../core/event';
import { transition } from '../core/transition';
import type { SagaObserver } from '../ports/saga-observer';
import type { ApplyRequest, ApplyResult, Basis, SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import type { Dispatcher } from './dispatcher';
import type { Heartbeats } from './heartbeats';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';
import type { Waiters } from './waiters';

export type Applied = Extract<ApplyResult, { readonly kind: 'applied' }>;

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

  constructor(
    private readonly store: SagaStore,
    private readonly dispatcher: Dispatcher,
    private readonly heartbeats: Heartbeats,
    private readonly waiters: Waiters,
    private readonly observer: SagaObserver,
    private readonly times: CommitTimes,
    /** Asks the sweeper to look when a wait will be over. */
    private readonly lookIn: (ms: number) => void,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  /** One try. The result says what became of the event; errors of the store are a result too. */
  async commit(sagaId: string, event: SagaEvent, basis?: Basis, announce?: (applied: Applied) => void): Promise<ApplyResult> {
    const request: ApplyRequest = { sagaId, event, ...this.times, ...(basis === undefined ? {} : { basis }) };
    const result = await this.apply(request);
    if (result.kind !== 'applied') return result;
    announce?.(result); // first what happened, then what follows from it
    this.perform(sagaId, result.saga.name, result.effects);
    return result;
  }

  /** Tries until the store answers or `until` (by the scheduler) has passed: the outcome of user code is not given up lightly. */
  async commitPatiently(
    sagaId: string,
    event: SagaEvent,
    basis: Basis,
    until: number,
    announce: (applied: Applied) => void,
  ): Promise<ApplyResult> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const result = await this.commit(sagaId, event, basis, announce);
      if (result.kind !== 'failed') return result;
      this.observer.notify({ type: 'engine.trouble', where: `commit of ${event.type}`, error: result.error });
      if (this.impatient || this.scheduler.now() + pauseMs > until) return result;
      await this.pause(pauseMs);
    }
  }

  /** What follows from something that is stored. */
  perform(sagaId: string, name: string, effects: readonly SagaEffect[]): void {
    this.dispatcher.perform(sagaId, effects);
    for (const effect of effects) {
      if (effect.type === 'wait' && effect.endsInMs !== null) this.lookIn(effect.endsInMs);
      if (effect.type === 'abort') this.heartbeats.abort(sagaId, effect.operation, 'the saga turned back');
      if (effect.type === 'attention') this.observer.notify({ type: 'saga.attention', sagaId, name, raised: effect.raised });
      if (effect.type !== 'ended') continue;
      this.waiters.ended(sagaId);
      this.observer.notify({ type: 'saga.ended', sagaId, name, state: effect.state });
    }
  }

  /** From now on nothing is tried twice: the process is going away. */
  hurry(): void {
    this.impatient = true;
    for (const end of this.pauses) end();
  }

  private async apply(request: ApplyRequest): Promise<ApplyResult> {
    try {
      const [result] = await this.store.apply([request], transition);
      return result ?? { kind: 'failed', error: new Error('the store gave no result') };
    } catch (error) {
      return { kind: 'failed', error: toError(error) };
    }
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
