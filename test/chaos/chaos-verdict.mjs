// Judges a chaos run: every saga by itself (check-saga.mjs), then what can only be seen of all together.
import { CHAOS_TIMES } from './chaos-cluster.mjs';
import { checkSaga } from './check-saga.mjs';

export const PROMISES = {
  P1: 'a start that returned is never lost, a key never starts twice, every saga ends',
  P2: 'a transactional step takes effect exactly once or not at all, and its compensation runs if and only if it did',
  P3: 'every step under one stable key; unknown outcomes are undone',
  P4: 'undone in reverse order along the dependencies and within the limit, never a false `compensated`',
  P5: 'terminal states never change, history has no gap',
  P6: 'an event is announced if and only if its transaction committed',
  P7: 'lost, doubled and late messages change nothing',
  P8: 'database down or broker down is not process down',
};
export const NOT_COVERED = {
  'P4 in part': 'a participant that ignores idempotency keys is no part of this run: nothing saves it from a frozen worker',
  'P1 in part': 'start({ manager }) and keys after delete are not part of this run',
  'P7 in part': 'application clocks are not shifted',
  'P8 in part': 'memory is printed, not judged: a minute is no soak',
};

/** @returns {{ promise: string, problem: string }[]} */
export function judge({ starts, sagas, ledger, cluster, watch, faults }) {
  const entriesOf = bySaga(ledger);
  const problems = [...watch.problems];
  const known = new Set();
  for (const { plan, answers, errors } of starts.sagas.values()) {
    problems.push(...checkStart(plan, answers, errors, sagas));
    const [id] = answers.map((answer) => answer.id);
    const saga = sagas.get(id);
    if (saga === undefined) continue;
    known.add(id);
    problems.push(...checkSaga(saga, entriesOf.get(id) ?? [], plan.expected, CHAOS_TIMES));
  }
  for (const id of sagas.keys())
    if (!known.has(id)) problems.push({ promise: 'P1', problem: `saga ${id} is there, and no start answered with it` });
  for (const id of entriesOf.keys())
    if (!sagas.has(id)) problems.push({ promise: 'P1', problem: `saga ${id} has effects and is not there` });
  for (const death of cluster.deaths) problems.push({ promise: 'P8', problem: death });
  for (const problem of faults.problems) problems.push({ promise: 'test', problem });
  return problems;
}

function checkStart(plan, answers, errors, sagas) {
  const found = [];
  const broken = (promise, problem) => found.push({ promise, problem: `${plan.businessKey}: ${problem}` });
  const ids = [...new Set(answers.map(({ id }) => id))];
  if (ids.length === 0) broken('P8', `could not be started at all: ${errors.join('; ')}`);
  if (ids.length > 1) broken('P1', `was started as ${ids.join(' and ')}`);
  if (answers.filter(({ created }) => created).length > 1)
    broken('P1', `was created ${answers.filter(({ created }) => created).length} times`);
  for (const id of ids) if (!sagas.has(id)) broken('P1', `start() returned ${id}, which is not there`);
  for (const error of errors) broken('P8', `start() failed with ${error}`);
  return found;
}

function bySaga(ledger) {
  const groups = new Map();
  for (const entry of ledger) {
    const group = groups.get(entry.sagaId);
    if (group === undefined) groups.set(entry.sagaId, [entry]);
    else group.push(entry);
  }
  return groups;
}

/** What there was to break: a promise that nothing tried is not held, only untouched. */
export function summary({ starts, sagas, ledger, shim, watch }) {
  const count = (list, of) => list.reduce((counts, each) => ({ ...counts, [of(each)]: (counts[of(each)] ?? 0) + 1 }), {});
  const operations = [...sagas.values()].flatMap((saga) => saga.operations);
  return {
    sagas: count([...sagas.values()], ({ state }) => state),
    starts: { keys: starts.sagas.size, ...starts.counts },
    outcomes: count(
      operations.filter(({ direction }) => direction === 'action'),
      ({ state }) => state,
    ),
    besideEachOther: [...sagas.values()].filter(({ history }) => mostUndos(history) > 1).length,
    lateRounds: operations.filter(({ round }) => round > 1).length,
    losses: operations.reduce((sum, { losses }) => sum + losses, 0),
    ledger: count(ledger, ({ kind, result }) => `${kind} ${result}`),
    wakeUps: shim.counts,
    looksAtStates: watch.looks,
  };
}

/** So many undos of one saga ran at once. */
function mostUndos(history) {
  const held = new Set();
  let most = 0;
  for (const { kind, step } of history.filter(({ direction, round }) => direction === 'undo' && round === 1)) {
    if (kind === 'claim') held.add(step);
    else held.delete(step);
    most = Math.max(most, held.size);
  }
  return most;
}
