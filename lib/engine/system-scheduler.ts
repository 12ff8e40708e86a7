import type { Scheduler, Timer, TimerTraits } from '../ports/scheduler';

/** `setTimeout` fires at once for anything longer. */
const LONGEST_MS = 2_147_483_647;

/** The timers, the clock and the chance of this process: what every part of the engine has unless it is given another one. */
export const systemScheduler: Scheduler = {
  now: () => performance.now(),
  random: () => Math.random(),
  after: (ms, fire, traits) => {
    let remaining = ms;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const stretch = Math.min(remaining, LONGEST_MS);
      remaining -= stretch;
      timer = kept(setTimeout(remaining > 0 ? arm : fire, stretch), traits);
    };
    arm();
    return { cancel: () => clearTimeout(timer) };
  },
  every: (ms, fire, traits): Timer => {
    const timer = kept(setInterval(fire, ms), traits);
    return { cancel: () => clearInterval(timer) };
  },
};

function kept(timer: NodeJS.Timeout, { keepsAlive = true }: TimerTraits = {}): NodeJS.Timeout {
  return keepsAlive ? timer : timer.unref();
}
