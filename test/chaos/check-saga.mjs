// The checkers: what must hold for one saga that has ended, from its rows and the ledger of the effect server. Each returns what is
// broken, with the promise it breaks. None of them asks the engine.

const TERMINAL = ['completed', 'compensated', 'failed'];
/** A statement sets the lease first and writes its row of history a moment later; a machine that is busy may stop it in between. */
const ROW_MS = 50;
const WENT_WELL = ['undone', 'tombstone', 'repeated', 'nothing'];

/**
 * @param saga rows of one saga, see saga-rows.mjs
 * @param entries what the ledger says about it, in order
 * @param expected 'completed', or 'undone': compensated, or failed when there was nothing to undo
 * @param times what the engine was told: `leaseMs`, `graceMs`
 * @returns {{ promise: string, problem: string }[]}
 */
export function checkSaga(saga, entries, expected, times) {
  const found = [];
  const broken = (promise, problem) => found.push({ promise, problem: `saga ${saga.id}: ${problem}` });
  const about = { saga, expected, times, steps: stepsOf(saga, entries), broken };
  for (const check of [
    checkState,
    checkHistory,
    checkNothingRuns,
    checkKeys,
    checkAttempts,
    checkClaims,
    checkEffects,
    checkTransactions,
    checkUndone,
    checkOrder,
    checkUndosAtOnce,
  ])
    check(about);
  return found;
}

/** One per step: its operations and its entries. */
function stepsOf(saga, entries) {
  const actions = saga.operations.filter(({ direction }) => direction === 'action').sort((a, b) => a.step - b.step);
  return actions.map((action) => {
    const ofStep = entries.filter(({ step }) => step === action.name);
    return {
      name: action.name,
      action,
      rounds: saga.operations.filter(({ direction, step }) => direction === 'undo' && step === action.step),
      does: ofStep.filter(({ kind }) => kind === 'do'),
      undos: ofStep.filter(({ kind }) => kind === 'undo'),
      claims: (direction) => saga.history.filter((row) => row.kind === 'claim' && row.direction === direction && row.step === action.step),
    };
  });
}

function checkState({ saga, steps, expected, broken }) {
  const toUndo = steps.some(({ action }) => ['completed', 'unknown'].includes(action.state));
  const wanted = expected === 'completed' ? 'completed' : toUndo ? 'compensated' : 'failed';
  if (saga.state !== wanted) broken(TERMINAL.includes(saga.state) ? 'P4' : 'P1', `is ${saga.state}, not ${wanted} (${whatHappened(saga)})`);
}

function checkHistory({ saga, broken }) {
  const revs = saga.history.map(({ rev }) => rev);
  const gap = revs.findIndex((rev, place) => rev !== place + 1);
  if (gap !== -1 || revs.length !== saga.rev) broken('P5', `history has revs ${revs.join(',')}, and the saga is at ${saga.rev}`);
  const end = saga.history.findIndex(({ state }) => TERMINAL.includes(state));
  if (end === -1) return;
  // After the end there is only what came too late, and the further rounds of undo that it asks for.
  const after = saga.history
    .slice(end + 1)
    .filter(({ state, kind, round }) => state !== saga.history[end].state || !(kind === 'late' || round > 1));
  if (after.length > 0)
    broken(
      'P5',
      `was ${saga.history[end].state} at rev ${end + 1}, then ${after.map(({ kind, state }) => `${kind} (${state})`).join(', ')}`,
    );
}

function checkNothingRuns({ saga, broken }) {
  if (!TERMINAL.includes(saga.state)) return;
  if (saga.attention) broken('P4', `is ${saga.state}, and still has attention`);
  const open = saga.operations.filter(({ state }) => ['pending', 'started', 'running', 'retrying'].includes(state));
  if (open.length > 0)
    broken('P1', `is ${saga.state}, and ${open.map(({ direction, name, state }) => `${direction} ${name} is ${state}`).join(', ')}`);
}

/** P3: one stable key for an action, one for its undo, and the undo names the action's. */
function checkKeys({ steps, broken }) {
  for (const { name, does, undos } of steps) {
    const actionKeys = new Set([...does.map(({ key }) => key), ...undos.map(({ actionKey }) => actionKey)]);
    const undoKeys = new Set(undos.map(({ key }) => key));
    if (actionKeys.size > 1) broken('P3', `step ${name} has the action keys ${[...actionKeys].join(', ')}`);
    if (undoKeys.size > 1) broken('P3', `step ${name} has the undo keys ${[...undoKeys].join(', ')}`);
  }
}

/** However often a message comes, a handler runs once per claim. */
function checkAttempts({ steps, broken }) {
  for (const { name, does, undos, claims } of steps) {
    if (does.length > claims('action').length)
      broken('P7', `step ${name} was done ${does.length} times for ${claims('action').length} claims`);
    if (undos.length > claims('undo').length)
      broken('P7', `step ${name} was undone ${undos.length} times for ${claims('undo').length} claims`);
  }
}

/** One claim at a time, and none is taken away while its worker may still be trusted; heartbeats only make that later. */
function checkClaims({ saga, times, broken }) {
  const held = new Map();
  for (const { kind, direction, step, round, at, rev } of saga.history.filter((row) => row.step !== null && row.kind !== 'late')) {
    const operation = `${direction} ${step}.${round}`;
    const claim = held.get(operation);
    if (kind === 'claim' && claim !== undefined)
      broken('P7', `${operation} was claimed at rev ${rev} while the claim of rev ${claim.rev} was held`);
    if (kind === 'lease-expired' && !(at - claim?.at >= times.leaseMs + times.graceMs - ROW_MS)) {
      broken('P7', `${operation} was taken away at rev ${rev}, ${Math.round(at - claim?.at)} ms after its claim`);
    }
    if (kind === 'claim') held.set(operation, { rev, at });
    else held.delete(operation);
  }
}

/** What is left in the outside world. */
function checkEffects({ saga, steps, broken }) {
  for (const { name, action, does, undos } of steps) {
    const applied = does.filter(({ result }) => result === 'applied');
    const undone = undos.filter(({ result }) => result === 'undone' || result === 'tombstone');
    if (applied.length > 1 || undone.length > 1)
      broken('P3', `step ${name} took effect ${applied.length} times, its undo ${undone.length} times`);
    if (saga.state === 'completed') {
      if (applied.length !== 1) broken('P1', `is completed, and step ${name} took no effect`);
      if (undos.length > 0) broken('P4', `is completed, and step ${name} was undone`);
    } else if (TERMINAL.includes(saga.state) && applied.length > 0) {
      const [done] = applied;
      if (!undone.some(({ seq }) => seq > done.seq))
        broken('P4', `is ${saga.state}, and step ${name} took effect (#${done.seq}) and was not undone`);
    }
    if (['failed', 'skipped'].includes(action.state)) {
      if (undos.length > 0) broken('P4', `step ${name} is ${action.state}, and was undone`);
      if (applied.length > 0) broken('P3', `step ${name} is ${action.state}, and took effect`);
    }
    if (action.state === 'completed' && applied.length !== 1) broken('P3', `step ${name} is completed, and took no effect`);
  }
}

/** P2: its rows are there exactly if it completed, so nobody ever has to say `unknown`. */
function checkTransactions({ steps, broken }) {
  for (const { name, action, does, undos, rounds } of steps.filter((step) => step.action.action === 'do.tx')) {
    if (action.had_unknown || action.state === 'unknown')
      broken('P2', `transactional step ${name} is ${action.state}, and once was unknown`);
    const wanted = action.state === 'completed' ? 1 : 0;
    if (does.length !== wanted) broken('P2', `transactional step ${name} is ${action.state}, and left ${does.length} rows`);
    const undone = rounds.filter(({ state }) => state === 'completed').length;
    if (undos.length !== undone) broken('P2', `the transactional undo of ${name} completed ${undone} times, and left ${undos.length} rows`);
  }
}

/** Compensated: every action that completed, or may have, has an undo that succeeded; and it was told the truth. */
function checkUndone({ saga, steps, broken }) {
  if (saga.state !== 'compensated') return;
  for (const { name, action, rounds, undos } of steps) {
    if (!['completed', 'unknown'].includes(action.state)) continue;
    const [first] = rounds.filter(({ round }) => round === 1);
    const open = rounds.find(({ state }) => state !== 'completed');
    if (first === undefined || open !== undefined) broken('P4', `is compensated, and the undo of ${name} is ${open?.state ?? 'missing'}`);
    if (!undos.some(({ result }) => WENT_WELL.includes(result)))
      broken('P4', `is compensated, and the undo of ${name} (${action.state}) never came`);
    if (first !== undefined && first.action_outcome !== action.state)
      broken('P3', `the undo of ${name} (${action.state}) is for ${first.action_outcome}`);
    const outcomeOf = (round) => rounds.find((operation) => operation.round === round)?.action_outcome;
    const lied = undos.find(
      ({ round, outcome, output }) => outcome !== outcomeOf(round) || (outcome === 'completed') !== (output?.key !== undefined),
    );
    if (lied) broken('P3', `the undo of ${name} (${action.state}) was told ${lied.outcome} with output ${JSON.stringify(lied.output)}`);
  }
}

/** P4: no undo begins before those of the steps that were built on its own have succeeded. */
function checkOrder({ steps, broken }) {
  const byPlace = new Map(steps.map((step) => [step.action.step, step]));
  for (const later of steps.filter(({ undos }) => undos.length > 0)) {
    const well = later.undos.find(({ result }) => WENT_WELL.includes(result));
    for (const place of builtOn(byPlace, later)) {
      const earlier = byPlace.get(place);
      if (earlier.undos.length === 0 || earlier.undos[0].seq >= (well?.seq ?? Infinity)) continue;
      broken('P4', `the undo of ${earlier.name} began before that of ${later.name}, which was built on it, had succeeded`);
    }
  }
}

/** Places of everything that had settled when the step began. */
function builtOn(byPlace, step) {
  const found = new Set();
  const open = [...step.action.depends_on];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (found.has(place)) continue;
    found.add(place);
    open.push(...byPlace.get(place).action.depends_on);
  }
  return found;
}

/** P4: never more undos at a time than the plan allows, and one at a time means the reverse order of start. */
function checkUndosAtOnce({ saga, steps, broken }) {
  const limit = saga.operations[0]?.undos_at_once ?? 10;
  const held = new Set();
  const begun = [];
  // A round that came late has no place in the order. What is stuck is tried again by a person, and by then others have gone on.
  const rows = saga.history.filter(({ direction, round, kind }) => direction === 'undo' && round === 1 && kind !== 'late');
  for (const { kind, step, rev } of rows) {
    if (kind !== 'claim') held.delete(step);
    else {
      held.add(step);
      if (!begun.includes(step)) begun.push(step);
    }
    if (held.size > limit) broken('P4', `at rev ${rev} ${held.size} undos ran at once, and ${limit} may`);
  }
  if (limit > 1) return;
  const startedAt = (place) => steps.find(({ action }) => action.step === place)?.claims('action')[0]?.rev ?? Infinity;
  const order = begun.map(startedAt);
  if (order.some((rev, place) => place > 0 && rev > order[place - 1]))
    broken('P4', `its undos began in the order ${order.join(', ')} of starts`);
}

function whatHappened(saga) {
  return saga.operations
    .map(({ direction, name, state, claims, losses, error }) =>
      `${direction} ${name} ${state} ${claims}/${losses} ${error?.code ?? ''}`.trim(),
    )
    .join('; ');
}
