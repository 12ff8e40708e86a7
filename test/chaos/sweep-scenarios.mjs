// What the crash points are swept over.

const step = (name, kind, behave) => ({ name, action: `do.${kind}`, input: behave ?? {} });

export const SCENARIOS = {
  /** A parallel pair, then a step: completes. */
  A: { expected: 'completed', steps: [[step('a', 1), step('b', 2)], step('c', 3)] },
  /** The same, and the last step says no: everything is undone. */
  B: { expected: 'undone', steps: [[step('a', 1), step('b', 2)], step('c', 3, { do: { fails: 'final' } })] },
  /** Nobody hears that `b` took effect, and then it says no, while `a` is under way: what is unknown must be undone as well. */
  C: {
    expected: 'undone',
    steps: [
      [step('a', 1, { do: { slowMs: 300 } }), step('b', 2, { do: [{ loses: true }, { fails: 'final', slowMs: 100 }] })],
      step('c', 3),
    ],
  },
  /** Two steps in the transaction of their saga, one that fails in it after it has written, and their undos in theirs. */
  D: {
    expected: 'undone',
    steps: [
      step('a', 'tx'),
      step('b', 'tx', { do: { slowMs: 50, fails: 'thrown', times: 1 } }),
      step('c', 'tx', { do: { fails: 'final' } }),
    ],
  },
};

/** Short, so that a lost worker is noticed within a second or so; the defaults' relations are kept. */
export const SWEEP_TIMES = {
  leaseMs: 800,
  heartbeatMs: 250,
  graceMs: 300,
  resendMs: 300,
  sweepMs: 300,
  brokerFallbackMs: 1_000,
  drainMs: 2_000,
};
/** From the last message to the end: a lease, its grace, and some time to do the work again. */
export const SETTLE_MS = 12_000;
