// Which points a sweep visits: (scenario, mode, message), written `B:kill-after:512`, or a named fault point of the engine,
// written `B:fault:apply.completed.after#2`.
import { SCENARIOS } from './sweep-scenarios.mjs';

export const MODES = ['kill-before', 'kill-after', 'cut-before', 'cut-after', 'freeze', 'fault'];

/** Kills twice as often as the rest; a quarter of the messages from the boot, which is long and does little. */
const SAMPLE_MODES = [
  'kill-before',
  'fault',
  'kill-after',
  'freeze',
  'kill-before',
  'fault',
  'kill-after',
  'cut-before',
  'cut-after',
  'freeze',
];
const BOOT_SHARE = 4;
/** A standby takes about half of the work, and so of the messages. */
const STANDBY_SHARE = 0.6;

/** @param dry by scenario: `{ ready, total, faults }`, how many messages a run without faults had when it was booted and at its end, and the fault points that it reached */
export function pointsOf(count, dry, random, modes = SAMPLE_MODES) {
  const scenarios = Object.keys(SCENARIOS);
  if (count === 'faults') {
    return scenarios.flatMap((scenario) =>
      dry[scenario].faults.map((at) => ({ scenario, mode: 'fault', at, standby: random.chance(0.5) })),
    );
  }
  if (count === 'all') {
    return scenarios.flatMap((scenario) =>
      MODES.flatMap((mode) => (mode === 'fault' ? dry[scenario].faults : messagesOf(dry[scenario])).map((at) => ({ scenario, mode, at }))),
    );
  }
  return Array.from({ length: Number(count) }, (_, number) => {
    const scenario = scenarios[number % scenarios.length];
    const mode = modes[Math.floor(number / scenarios.length) % modes.length];
    const { ready, total, faults } = dry[scenario];
    if (mode === 'fault') return { scenario, mode, at: random.pick(faults), standby: random.chance(0.5) };
    // A process that is frozen before it has claimed anything is only slow.
    const inBoot = mode !== 'freeze' && random.below(BOOT_SHARE) === 0;
    const standby = !mode.startsWith('cut') && random.chance(0.5);
    const last = standby ? ready + Math.ceil((total - ready) * STANDBY_SHARE) : total;
    return { scenario, mode, at: inBoot ? random.between(1, ready) : random.between(ready + 1, last), standby };
  });
}

function messagesOf({ total }) {
  return Array.from({ length: total }, (_, at) => at + 1);
}

const isSql = (way, start) => (message) =>
  message.protocol === 'pg' && message.way === way && message.describe().startsWith(`pg ${way} ${start}`);

/** On the connection on which a handler has written before. */
function afterBooking(isIt) {
  return () => {
    let connection;
    return (message) => {
      if (/c2s P .*INSERT INTO "\w+_app"/.test(message.protocol === 'pg' ? message.describe() : '')) connection = message.connection;
      return message.connection === connection && isIt(message);
    };
  };
}

const MOMENTS = {
  BEGIN: () => isSql('c2s', 'Q START TRANSACTION'),
  handler: () => (message) => message.protocol === 'pg' && /c2s P .*INSERT INTO "\w+_app"/.test(message.describe()),
  completion: afterBooking(isSql('c2s', 'P WITH locked')),
  COMMIT: afterBooking(isSql('c2s', 'Q COMMIT')),
  committed: afterBooking(isSql('s2c', 'C COMMIT')),
};

/** The moments of a transaction that a handler shares with its saga, each by itself. */
export function transactionPoints() {
  return Object.keys(MOMENTS).flatMap((moment) =>
    MODES.filter((mode) => mode !== 'fault').map((mode) => ({
      scenario: 'D',
      mode,
      at: moment,
      meets: MOMENTS[moment],
      // Without one, the first step is surely the victim's: a frozen one that comes back to a step that will fail proves nothing.
      standby: mode === 'kill-before',
    })),
  );
}

export const nameOf = ({ scenario, mode, at, standby }) => `${scenario}:${mode}:${at}${standby ? ':standby' : ''}`;

export function parsePoint(text) {
  const [scenario, mode, at, standby] = text.split(':');
  if (scenario in SCENARIOS && MODES.includes(mode) && at in MOMENTS)
    return { scenario, mode, at, meets: MOMENTS[at], standby: standby === 'standby' };
  const isPoint = mode === 'fault' ? /^[\w.-]+#\d+$/.test(at ?? '') : Number(at) > 0;
  if (!(scenario in SCENARIOS) || !MODES.includes(mode) || !isPoint) throw new Error(`not a point: ${text} (for example B:kill-after:512)`);
  return { scenario, mode, at: mode === 'fault' ? at : Number(at), standby: standby === 'standby' };
}
