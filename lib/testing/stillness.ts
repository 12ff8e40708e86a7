import { AsyncLocalStorage } from 'node:async_hooks';
import { SagaTestError } from './saga-test.error';

// Taken here, so that a test that fakes the timers of its process does not stop this.
const { setImmediate: turn, setTimeout: realTimer, clearTimeout: endRealTimer } = globalThis;

/** So many turns of the event loop in which nothing has moved mean that nothing will. A delivery takes one. */
const QUIET_TURNS = 2;

/** User code that runs. While it waits for virtual time it is still. */
export class Running {
  constructor(
    readonly what: string,
    private readonly among: Set<Running>,
    private readonly onChange: () => void,
  ) {}

  isBusy(): boolean {
    return this.among.has(this);
  }

  pause(): void {
    this.among.delete(this);
    this.onChange();
  }

  resume(): void {
    this.among.add(this);
    this.onChange();
  }
}

const current = new AsyncLocalStorage<Running>();

/** The user code around the caller, if there is any. */
export function runningHere(): Running | undefined {
  return current.getStore();
}

/** Knows when everything has come to rest that does not wait for time to pass. */
export class Stillness {
  private moves = 0;
  private readonly busy = new Set<Running>();
  private readonly changes = new Set<() => void>();

  constructor(
    /** Of real time, within which user code has to end. */
    private readonly patienceMs: number,
  ) {}

  /** Something happened. */
  readonly moved = (): void => {
    this.moves++;
    for (const hear of [...this.changes]) hear();
  };

  /** Runs user code, and knows that it runs until it has settled. */
  async whileRunning<T>(what: string, run: (running: Running) => Promise<T>): Promise<T> {
    const running = new Running(what, this.busy, this.moved);
    running.resume();
    try {
      return await current.run(running, () => run(running));
    } finally {
      running.pause();
    }
  }

  /** @throws SagaTestError when user code does not end */
  async reached(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS;) {
      const before = this.moves;
      if (this.busy.size > 0) await this.change(() => `${[...this.busy].map(({ what }) => what).join(', ')} has not ended`);
      else await new Promise<void>((resolve) => turn(resolve));
      quiet = before === this.moves && this.busy.size === 0 ? quiet + 1 : 0;
    }
  }

  /** Resolves when something moves. */
  async change(what: () => string, or: Promise<unknown> = new Promise(() => undefined)): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (): void => {
        this.changes.delete(end);
        endRealTimer(timer);
        resolve();
      };
      const timer = realTimer(() => {
        this.changes.delete(end);
        const remedy = `to see how a saga takes it that a handler hangs, say kit.step(…).timesOut(), or await kit.clock.sleep(…) in it`;
        reject(new SagaTestError(`${what()} within ${this.patienceMs} ms of real time; ${remedy}`));
      }, this.patienceMs);
      this.changes.add(end);
      void or.then(end, end);
    });
  }
}
