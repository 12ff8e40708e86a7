/** `setTimeout` fires at once for anything longer. */
const LONGEST_MS = 2_147_483_647;

export interface LongTimer {
  cancel(): void;
}

/** A timer of any length. */
export function startTimer(ms: number, fire: () => void): LongTimer {
  let remaining = ms;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const stretch = Math.min(remaining, LONGEST_MS);
    remaining -= stretch;
    timer = setTimeout(remaining > 0 ? arm : fire, stretch).unref(); // a handler that hangs must not keep its process alive
  };
  arm();
  return { cancel: () => clearTimeout(timer) };
}
