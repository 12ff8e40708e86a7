import { SagaNotFoundError } from '../errors';
import { isSagaId } from '../core/names';
import { progressOf, type Progress } from '../core/progress';
import type { SagaState, SagaValue } from '../core/saga-value';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { SagaGlance } from '../ports/stored-saga';
import type { Scheduler, Timer } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';
import type { PushStream } from './push-stream';
import { toError } from './to-error';
import { isEnd, type Waiters } from './waiters';

/** How far a saga is, as `SagaService.watch()` tells it. */
export interface SagaWatchEvent extends Progress {
  readonly state: SagaState;
  /** Name of the step that something happened to last. */
  readonly step?: string;
}

interface Watch {
  readonly sagaId: string;
  readonly stream: PushStream<SagaWatchEvent>;
  readonly steps: readonly string[];
  rev: number;
  last: string;
}

/** One look a second at all of them: a notice for each step of each saga would cost every process more than those who watch are worth. */
const LOOK_MS = 1_000;
const CHUNK = 1_000;

/** Readers that want to see sagas move: at once what happens here, and the end wherever it is; what happens elsewhere within a second. */
export class Watchers {
  private readonly watching = new Map<string, Set<Watch>>();
  private timer: Timer | undefined;
  private looking = false;

  constructor(
    private readonly store: Pick<SagaStore, 'find' | 'glance'>,
    private readonly waiters: Pick<Waiters, 'expect'>,
    private readonly observer: SagaObserver,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  /** The stream ends when the saga has; it fails when there is no such saga. */
  async watch(sagaId: string, stream: PushStream<SagaWatchEvent>): Promise<void> {
    const stored = isSagaId(sagaId) ? await this.store.find(sagaId) : null;
    if (stored === null) {
      stream.fail(new SagaNotFoundError(sagaId));
      return;
    }
    const watch: Watch = { sagaId, stream, steps: stored.plan.steps.map(({ name }) => name), rev: 0, last: '' };
    this.show(watch, { step: null, ...stored.saga });
    if (!stream.isOver) this.follow(watch);
  }

  /** Something is stored, by this process. */
  happened(saga: SagaValue, step: number | null): void {
    const watches = this.watching.get(saga.id);
    if (watches !== undefined) for (const watch of watches) this.show(watch, { step, ...saga });
  }

  private follow(watch: Watch): void {
    const { sagaId, stream } = watch;
    const all = this.watching.get(sagaId) ?? new Set();
    this.watching.set(sagaId, all.add(watch));
    const forget = this.waiters.expect(sagaId, (failure) => (failure === undefined ? void this.look([sagaId]) : stream.fail(failure)));
    stream.whenOver(() => {
      forget();
      if (all.delete(watch) && all.size === 0) this.watching.delete(sagaId);
      if (this.watching.size > 0) return;
      this.timer?.cancel();
      this.timer = undefined;
    });
    this.lookLater();
  }

  private lookLater(): void {
    if (this.timer !== undefined || this.looking) return;
    this.timer = this.scheduler.after(LOOK_MS, () => void this.lookAtAll(), { isRoutine: true });
  }

  private async lookAtAll(): Promise<void> {
    this.timer = undefined;
    this.looking = true;
    await this.look([...this.watching.keys()]);
    this.looking = false;
    if (this.watching.size > 0) this.lookLater();
  }

  private async look(sagaIds: readonly string[]): Promise<void> {
    try {
      for (let place = 0; place < sagaIds.length; place += CHUNK) {
        const chunk = sagaIds.slice(place, place + CHUNK);
        const found = await this.store.glance(chunk);
        for (const sagaId of chunk) this.seen(sagaId, found.get(sagaId));
      }
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'look for watchers', error: toError(error) });
    }
  }

  private seen(sagaId: string, glance: SagaGlance | undefined): void {
    for (const watch of this.watching.get(sagaId) ?? []) {
      if (glance === undefined) watch.stream.fail(new SagaNotFoundError(sagaId));
      else this.show(watch, glance);
    }
  }

  /** What is older than what was shown is not shown. */
  private show(watch: Watch, glance: SagaGlance): void {
    if (glance.rev <= watch.rev) return;
    watch.rev = glance.rev;
    const step = glance.step === null ? undefined : watch.steps[glance.step];
    const event = { state: glance.state, ...progressOf(watch.steps.length, glance), ...(step === undefined ? {} : { step }) };
    const seen = JSON.stringify(event);
    if (seen !== watch.last) watch.stream.push(event);
    watch.last = seen;
    if (isEnd(glance.state)) watch.stream.end();
  }
}
