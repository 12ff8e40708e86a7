// The sagas that nest-saga is loaded with, as (lane, turn) → what to start. `handlerRuns`: how many handlers one of them runs.
import { randomBytes } from 'node:crypto';

const STEP = { action: 'work', input: {} };
const chain = (length) => Array.from({ length }, (_, i) => ({ name: `s${i}`, ...STEP }));
const THREE = chain(3);
const FAILING = [...chain(2), { name: 's2', action: 'work', input: { fails: true } }];
const SLOW = [THREE[0], { name: 's1', action: 'work', input: { takesMs: 500 } }, THREE[2]];
const FAN_OUT = [Array.from({ length: 1_000 }, (_, i) => ({ name: `s${i}`, ...STEP }))];
const DAY_MS = 86_400_000;
// Not compressible, or the database would store a hundred KB in one.
const ofSize = (bytes) => ({ text: randomBytes(bytes).toString('base64').slice(0, bytes) });
const completes = (steps, more = {}) => {
  const saga = { steps, expected: 'completed', ...more };
  return () => saga;
};

export const SAGAS = {
  happy: completes(THREE),
  compensated: () => ({ steps: FAILING, expected: 'compensated' }),
  '10 steps': completes(chain(10)),
  '100 steps': completes(chain(100)),
  'fan-out 1000': completes(FAN_OUT),
  'context 1 KB': completes(THREE, { context: ofSize(1_000) }),
  'context 100 KB': completes(THREE, { context: ofSize(100_000) }),
  // Every tenth lane runs slow ones; what is counted is how the others fare.
  'beside slow ones': (lane) =>
    lane % 10 === 0 ? { steps: SLOW, expected: 'completed', counts: false } : { steps: THREE, expected: 'completed' },
  // Ten lanes race for each key; who comes late is given the saga that is there, and counts for nothing.
  'hot business keys': (lane, turn) => ({
    steps: THREE,
    expected: 'completed',
    options: { businessKey: `${process.ppid}-${lane % 10}-${turn}` },
  }),
  // For rows of sagas that are alive: one sleeps until tomorrow, one waits to be told something.
  sleeping: () => ({ steps: [THREE[0], { name: 'pause', sleepMs: DAY_MS }, THREE[2]], expected: 'started' }),
  waiting: () => ({ steps: [THREE[0], { name: 'word', signal: 'go' }, THREE[2]], expected: 'started' }),
};

const HANDLER_RUNS = { compensated: 5, '10 steps': 10, '100 steps': 100, 'fan-out 1000': 1_000 };
export const handlerRuns = (saga) => HANDLER_RUNS[saga] ?? 3;
