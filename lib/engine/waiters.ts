import { SagaClosedError, SagaNotFoundError, SagaWaitTimeoutError } from '../errors';
import { isTerminal, type SagaState } from '../core/saga-value';
import type { MessageTransport } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { StoredSaga } from '../ports/stored-saga';
import type { Scheduler, Timer } from '../ports/scheduler';
import { EndNotices } from './end-notices';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

/** Called once: without an error when the saga has ended, and then with all of it if that is known. */
type Done = (failure?: Error, ended?: StoredSaga) => void;

/** Sagas that are looked at in one query. */
const CHUNK = 1_000;
/** While nobody can tell this process of an end, and after a look that failed. */
const BLIND_POLL_MS = 1_000;

/**
 * Callers that wait for a saga to end: told at once when it ends here, by a notice when it ends elsewhere, and by a slow look at all
 * of them, in case a notice is lost. While nobody waits nothing is asked and nothing is heard.
 */
export class Waiters {
  private readonly waiting = new Map<string, Set<Done>>();
  private readonly notices: EndNotices;
  private toLook = new Set<string>();
  private looking = false;
  private timer: Timer | undefined;
  private closed = false;

  constructor(
    private readonly store: Pick<SagaStore, 'states'>,
    transport: Pick<MessageTransport, 'notices'>,
    private readonly observer: SagaObserver,
    private readonly pollMs: number,
    private readonly scheduler: Scheduler = systemScheduler,
    /** A handler of this saga runs in this process: whoever ends it next is most likely here. */
    private readonly runsHere: (sagaId: string) => boolean = () => false,
  ) {
    const listener = {
      ended: (sagaId: string) => this.settle(sagaId),
      hearing: (sagaIds: Iterable<string>) => this.lookAt(sagaIds),
    };
    this.notices = new EndNotices(transport, listener, scheduler);
  }

  /**
   * Resolves when the saga is said to be terminal or stuck. Anybody may say so: look, and wait again if it is not. Where the saga is
   * given there is nothing to look at.
   *
   * @param timeoutMs from now; `askedMs` is what the caller will be told
   * @throws SagaWaitTimeoutError, SagaClosedError, SagaNotFoundError
   */
  wait(sagaId: string, timeoutMs: number, askedMs = timeoutMs): Promise<StoredSaga | undefined> {
    return new Promise((resolve, reject) => {
      const forget = this.expect(sagaId, (failure, ended) => {
        timer.cancel();
        if (failure === undefined) resolve(ended);
        else reject(failure);
      });
      const giveUp = (): void => {
        forget();
        reject(new SagaWaitTimeoutError(sagaId, askedMs));
      };
      const timer = this.scheduler.after(timeoutMs, giveUp, { keepsAlive: false });
    });
  }

  /** Calls back, never at once, when the saga has ended, or cannot be waited for any longer. Answers how to stop waiting. */
  expect(sagaId: string, done: Done): () => void {
    if (this.closed) {
      queueMicrotask(() => done(new SagaClosedError('wait for a saga')));
      return () => undefined;
    }
    const all = this.waiting.get(sagaId) ?? new Set();
    this.waiting.set(sagaId, all.add(done));
    if (all.size === 1) this.notices.join(sagaId);
    if (!this.runsHere(sagaId)) this.lookAt([sagaId]); // it may have ended since the caller looked
    this.timer ??= this.pollLater();
    return () => {
      if (all.delete(done) && all.size === 0) this.forget(sagaId);
    };
  }

  /** It ended here: whoever waits elsewhere is told. @param saga all of it, if that is known */
  ended(sagaId: string, saga?: StoredSaga): void {
    this.settle(sagaId, undefined, saga);
    this.notices.tell(sagaId);
  }

  close(): void {
    this.closed = true;
    for (const sagaId of [...this.waiting.keys()]) this.settle(sagaId, new SagaClosedError('wait for a saga'));
    this.notices.close();
  }

  private settle(sagaId: string, failure?: Error, saga?: StoredSaga): void {
    const all = this.waiting.get(sagaId);
    if (all === undefined) return;
    this.forget(sagaId);
    for (const done of all) done(failure, saga);
    all.clear();
  }

  private forget(sagaId: string): void {
    this.waiting.delete(sagaId);
    this.toLook.delete(sagaId);
    this.notices.leave(sagaId);
    if (this.waiting.size > 0) return;
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** Ticks more often than it looks: the way of the notices may be lost at any moment. */
  private pollLater(waitedMs = 0): Timer {
    const tickMs = Math.min(BLIND_POLL_MS, this.pollMs);
    const tick = (): void => {
      const isDue = !this.notices.areHeard || waitedMs + tickMs >= this.pollMs;
      this.timer = this.pollLater(isDue ? 0 : waitedMs + tickMs);
      if (isDue) this.lookAt(this.waiting.keys());
    };
    return this.scheduler.after(tickMs, tick, { isRoutine: true });
  }

  /** One query at a time: what is to be looked at meanwhile is in the next one. */
  private lookAt(sagaIds: Iterable<string>): void {
    for (const sagaId of sagaIds) this.toLook.add(sagaId);
    if (this.looking || this.toLook.size === 0) return;
    this.looking = true;
    void this.look().finally(() => (this.looking = false));
  }

  private async look(): Promise<void> {
    await Promise.resolve(); // all that begin to wait in one go are in one query
    while (this.toLook.size > 0) {
      const sagaIds = [...this.toLook].slice(0, CHUNK);
      for (const sagaId of sagaIds) this.toLook.delete(sagaId);
      try {
        const states = await this.store.states(sagaIds);
        for (const sagaId of sagaIds) this.judge(sagaId, states.get(sagaId));
      } catch (error) {
        this.observer.notify({ type: 'engine.trouble', where: 'look for waiters', error: toError(error) });
        this.toLook.clear();
        if (this.timer === undefined) return;
        this.timer.cancel();
        this.timer = this.pollLater(this.pollMs); // at the next tick
      }
    }
  }

  private judge(sagaId: string, state: SagaState | undefined): void {
    if (state === undefined) this.settle(sagaId, new SagaNotFoundError(sagaId));
    else if (isEnd(state)) this.settle(sagaId);
  }
}

/** Waiters return on a stuck saga too: nothing more happens until a person acts. */
export function isEnd(state: SagaState): boolean {
  return isTerminal(state) || state === 'stuck';
}
