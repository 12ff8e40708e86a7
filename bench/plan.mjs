// What is measured, in which order. An opening is one contender started afresh; its rows follow one another without a restart.
import { databaseOfMillions, neverAnalysed } from './growth.mjs';

const HAPPY_AND_COMPENSATED = ['happy', 'compensated'];
const rows = (sagas, inFlight) => inFlight.flatMap((lanes) => sagas.map((saga) => ({ saga, inFlight: lanes })));

/**
 * @param {{ quick: boolean, parts: string[], only?: string[], processes?: number[], inFlight?: number[] }} wishes `parts`: of `main`,
 *   `growth`, `loads`
 * @returns {{ name: string, once?: boolean, processes: number, tables: string, rows: { saga: string, inFlight: number }[], warmSeconds?: number, database?: { get: Function, drop: Function } }[]}
 */
export function openings({ quick, parts, only, processes, inFlight }) {
  const all = {
    main: quick ? mainQuick() : main(),
    growth: growth(quick).map((opening) => (quick ? { ...opening, once: true } : opening)),
    loads: loads(),
  };
  return parts
    .flatMap((part) => all[part])
    .filter(({ name }) => only?.includes(name) ?? true)
    .filter((opening) => processes?.includes(opening.processes) ?? true)
    .map((opening) => ({ ...opening, rows: opening.rows.filter((row) => inFlight?.includes(row.inFlight) ?? true) }))
    .filter((opening) => opening.rows.length > 0);
}

const opening = (name, rows, more = {}) => ({ name, processes: 1, tables: 'fresh', rows, ...more });

// Ours and theirs take turns, so that what the machine does meanwhile hits both.
function main() {
  const everything = rows(HAPPY_AND_COMPENSATED, [1, 10, 100, 400]);
  return [
    opening('default', everything),
    opening('dbos', everything),
    opening('default', everything, { processes: 4 }),
    opening('restate', everything),
    opening('hop', everything),
    opening('hops', rows(['happy'], [1, 10, 100, 400])),
    opening('single', everything),
    opening('commits', rows(['happy'], [1, 10, 100])),
  ];
}

function mainQuick() {
  const compensated = rows(['compensated'], [100]);
  return [
    opening('default', [...rows(['happy'], [1, 100, 400]), ...compensated]),
    opening('dbos', [...rows(['happy'], [1, 100]), ...compensated]),
    opening('default', rows(['happy'], [100, 400]), { processes: 4 }),
    opening('restate', [...rows(['happy'], [100]), ...compensated]),
    opening('hop', rows(['happy'], [100, 400])),
    opening('hops', rows(['happy'], [100])),
    opening('single', rows(['happy'], [100])),
    opening('commits', rows(['happy'], [100])),
  ];
}

/** More of everything: rows in the tables, steps, bytes, branches. */
function growth(quick) {
  const millions = quick ? { finished: 50_000, live: 5_000 } : { finished: 1_000_000, live: 100_000 };
  // A process that has just begun looks once at every living saga, for what waited until somebody offers its handlers.
  const warmSeconds = quick ? 2 : 10;
  const sizes = [
    ...rows(['context 1 KB', 'context 100 KB', '10 steps'], [100]),
    ...rows(['100 steps'], [20]),
    ...rows(['fan-out 1000'], [2]),
  ];
  const hundred = rows(['happy'], [100]);
  return [
    opening('default', hundred, { tables: 'empty', warmSeconds }),
    opening('default', hundred, {
      tables: `${millions.finished} finished, ${millions.live} live`,
      warmSeconds,
      database: databaseOfMillions(millions),
    }),
    ...(quick ? [] : [opening('default', hundred, { tables: 'never analysed', database: neverAnalysed() })]),
    opening('default', sizes, { tables: 'sizes' }),
  ];
}

function loads() {
  return [opening('default', rows(['compensated', 'beside slow ones', 'hot business keys'], [100]), { tables: 'loads' })];
}
