// The sagas of a chaos run, made from its seed: what they do, how their steps misbehave, and how each must end.

const KINDS = ['1', '2', '3', '4', 'tx'];

/** @returns {{ businessKey, steps, options, expected: 'completed' | 'undone', sticks: boolean }} */
export function planOf(number, random) {
  const size = random.between(2, 5);
  const fails = random.chance(1 / 3);
  const broken = fails ? random.below(size) : -1;
  // Something must be done before the failure, or there is no undo to be stuck in.
  const sticking = broken > 0 && random.chance(0.12) ? 0 : -1;
  const flat = Array.from({ length: size }, (_, place) => stepOf(place, random, { fails: place === broken, sticks: place === sticking }));
  const expected = fails ? 'undone' : 'completed';
  const options = random.pick([{}, {}, { undosAtOnce: 1 }, { undosAtOnce: 2 }]);
  return { businessKey: `chaos-${number}`, steps: staged(flat, sticking, random), options, expected, sticks: sticking !== -1 };
}

function stepOf(place, random, { fails, sticks }) {
  const kind = sticks ? 'brittle' : random.pick(KINDS);
  const input = {
    do: fails ? failing(random) : doing(random),
    undo: sticks ? { fails: 'thrown' } : undoing(random),
  };
  return { name: `s${place}`, action: `do.${kind}`, input };
}

function failing(random) {
  const no = { fails: 'final', slowMs: random.chance(0.5) ? random.between(20, 600) : 0 };
  // It took effect, nobody heard of it, and the second attempt is refused: the effect must not be forgotten.
  return random.chance(0.3) ? [{ loses: true }, no] : no;
}

function doing(random) {
  switch (random.pickWeighted({ well: 55, slow: 18, slower: 4, retryable: 12, thrown: 4, lost: 7 })) {
    case 'slow':
      return { slowMs: random.between(50, 600) };
    case 'slower': // than a lease: it lives on heartbeats
      return { slowMs: random.between(1_200, 2_200), times: 1 };
    case 'retryable':
      return { fails: 'retryable', times: random.between(1, 2) };
    case 'thrown':
      return { fails: 'thrown', times: 1 };
    case 'lost':
      return { loses: true, times: 1 };
    default:
      return {};
  }
}

function undoing(random) {
  switch (random.pickWeighted({ well: 50, slow: 15, fails: 25, lost: 10 })) {
    case 'slow':
      return { slowMs: random.between(50, 500) };
    case 'fails':
      return { fails: random.pick(['retryable', 'thrown']), times: random.between(1, 4) };
    case 'lost':
      return { loses: true, times: 1 };
    default:
      return {};
  }
}

/** Neighbours become parallel now and then. The step that will be stuck stays alone at the front, so that it is always done. */
function staged(flat, sticking, random) {
  const stages = [];
  for (let place = 0; place < flat.length; place++) {
    const pairs = place !== sticking && place + 1 < flat.length && random.chance(0.35);
    stages.push(pairs ? [flat[place], flat[++place]] : flat[place]);
  }
  return stages;
}
