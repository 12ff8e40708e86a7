// Steady load for a long time, with old sagas removed: do the tables, their indexes and the memory stay as they are?
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from './contenders.mjs';
import { measure, warmUp } from './measure.mjs';
import { median } from './statistics.mjs';

const LOAD = { saga: 'happy', inFlight: 20 };
const KEPT_MS = 120_000;
/** What a minute may differ from one long before, and still be called the same. */
const TOLERANCE = 1.15;

export async function soak({ services, minutes, secondsAMinute = 60, folder }) {
  const contender = await open({ services, name: 'default', config: { options: { retention: { finishedMs: KEPT_MS } } } });
  const log = [];
  try {
    await warmUp(contender, { seconds: 2 });
    const { sagasPerSecond: most } = await measure(contender, { ...LOAD, seconds: Math.min(10, secondsAMinute) });
    const laneEveryMs = (1_000 * LOAD.inFlight) / (most / 2);
    console.log(`at most ${most.toFixed(0)} sagas/s; the load is half of that`);
    for (let minute = 1; minute <= minutes; minute++) {
      const { sagasPerSecond, p99, memoryWorkerMiB } = await measure(contender, { ...LOAD, laneEveryMs, seconds: secondsAMinute });
      const sizes = await sizesOf(contender.database);
      log.push({ minute, sagasPerSecond, p99, memoryWorkerMiB, ...sizes });
      console.log(lineOf(log.at(-1)));
      write(folder, { minutes, keptMs: KEPT_MS, log });
    }
  } finally {
    await contender.close();
  }
  const verdict = verdictOf(log, secondsAMinute);
  write(folder, { minutes, keptMs: KEPT_MS, verdict, log });
  for (const [what, found] of Object.entries(verdict)) console.log(`${what}: ${found}`);
  return Object.values(verdict).every((found) => !found.startsWith('GREW'));
}

const write = (folder, found) => writeFileSync(join(folder, 'soak.json'), `${JSON.stringify(found, null, 2)}\n`);

async function sizesOf(database) {
  const tables = await database.rows(
    `SELECT relname AS name, pg_table_size(relid)::float8 / 1048576 AS "tableMiB", pg_indexes_size(relid)::float8 / 1048576 AS "indexMiB"
       FROM pg_stat_user_tables WHERE schemaname = 'saga' ORDER BY pg_total_relation_size(relid) DESC`,
  );
  const sum = (figure) => tables.reduce((total, table) => total + table[figure], 0);
  const [{ sagas }] = await database.rows('SELECT count(*)::int AS sagas FROM saga.sagas');
  return { sagas, tableMiB: sum('tableMiB'), indexMiB: sum('indexMiB'), largest: tables.slice(0, 4) };
}

function lineOf({ minute, sagasPerSecond, p99, memoryWorkerMiB, sagas, tableMiB, indexMiB, largest }) {
  const detail = largest.map((each) => `${each.name} ${(each.tableMiB + each.indexMiB).toFixed(0)}`).join(', ');
  return (
    `minute ${minute}: ${sagasPerSecond.toFixed(0)} sagas/s, p99 ${p99?.toFixed(0)} ms, worker ${memoryWorkerMiB.toFixed(0)} MiB, ` +
    `${sagas} sagas, tables ${tableMiB.toFixed(0)} MiB, indexes ${indexMiB.toFixed(0)} MiB (${detail})`
  );
}

/** The last third against the third before it: by then what is to be removed and reused is. */
function verdictOf(log, secondsAMinute) {
  const third = Math.floor(log.length / 3);
  if (third * secondsAMinute * 1_000 <= KEPT_MS) return { verdict: 'too short to tell: nine minutes are the least, sixty say something' };
  const of = (figure, from, to) => median(log.slice(from, to).map((minute) => minute[figure]));
  const grew = (figure) => of(figure, -third) / of(figure, -2 * third, -third);
  const figures = ['tableMiB', 'indexMiB', 'memoryWorkerMiB'];
  const judged = figures.map((figure) => [figure, grew(figure), grew(figure) <= TOLERANCE ? 'flat' : 'GREW']);
  const speed = grew('sagasPerSecond');
  judged.push(['sagasPerSecond', speed, speed >= 1 / TOLERANCE ? 'flat' : 'GREW slower']);
  return Object.fromEntries(
    judged.map(([figure, ratio, word]) => [figure, `${word} (x ${ratio.toFixed(2)} from the second third to the last)`]),
  );
}
