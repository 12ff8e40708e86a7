const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** Delays that double, each somewhere in the upper half of its range: a restarted broker must not meet all processes at once. */
export class Backoff {
  #failures = 0;

  nextMs(): number {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures++);
    return Math.round(ceiling * (0.5 + Math.random() / 2));
  }

  reset(): void {
    this.#failures = 0;
  }
}
