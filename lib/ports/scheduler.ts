/** This process's own sense of time, and of chance. What is stored has the store's clock; nothing here is ever compared with it. */
export interface Scheduler {
  /** Milliseconds that never go back. Only differences mean something. */
  now(): number;
  /** Calls once, after this many milliseconds, of any number. */
  after(ms: number, fire: () => void, traits?: TimerTraits): Timer;
  /** Calls again and again, until it is cancelled. */
  every(ms: number, fire: () => void, traits?: TimerTraits): Timer;
  /** Uniform in [0, 1): for jitter. */
  random(): number;
}

export interface Timer {
  /** Safe to call at any time, and more than once. */
  cancel(): void;
}

export interface TimerTraits {
  /** A process that has nothing else to do waits for it. Default: true. */
  readonly keepsAlive?: boolean;
  /** Looks for what may be there, so that it harms nothing when it comes early, late or once in place of many times. Default: false. */
  readonly isRoutine?: boolean;
}
