// Opens one contender after the other, round by round, and gathers what each row gave in each round.
import { setTimeout as pause } from 'node:timers/promises';
import { isShuttingDown } from '../test/services/shutdown.mjs';
import { open } from './contenders.mjs';
import { measure, warmUp } from './measure.mjs';

/**
 * @returns {Promise<{ rows: object[], hot: object[], problems: string[] }>} each row with `samples`, one a round, null where it was not to be
 *   had; what did not work is a problem, and the others go on
 */
export async function runRounds({ services, openings, rounds, seconds, tell }) {
  const rows = new Map();
  const hot = new Map();
  const problems = [];
  for (const { tables, database } of openings) {
    if (database) tell(`making tables: ${tables}`);
    await database?.get(services);
  }
  for (let round = 0; round < rounds; round++) {
    for (const opening of openings) {
      if (round > 0 && opening.once) continue;
      const results = await runOpening({ services, opening, seconds, tell, hot }).catch((error) => {
        if (isShuttingDown()) throw error;
        problems.push(`${opening.name} x ${opening.processes}, ${opening.tables}: ${error.stack}`);
        tell(problems.at(-1));
        return [];
      });
      for (const { row, sample } of results) {
        const key = JSON.stringify(row);
        if (!rows.has(key)) rows.set(key, { ...row, samples: [] });
        rows.get(key).samples[round] = sample;
      }
    }
  }
  return { rows: [...rows.values()], hot: [...hot.values()], problems };
}

async function runOpening({ services, opening, seconds, tell, hot }) {
  const { name, processes, tables } = opening;
  const nameOf = ({ saga, inFlight }) => ({ contender: name, processes, tables, saga, inFlight });
  const database = await opening.database?.get(services);
  const contender = await open({ services, name, processes, database });
  const results = [];
  if (contender === null) {
    tell(`${name}: not in this version`);
    return opening.rows.map((row) => ({ row: nameOf(row), sample: null }));
  }
  try {
    await warmUp(contender, { seconds: opening.warmSeconds ?? Math.min(2, seconds), inFlight: Math.max(10, processes) });
    for (const row of opening.rows) {
      const sample = await measure(contender, { ...row, seconds });
      results.push({ row: nameOf(row), sample });
      tell(`${name} x ${processes}, ${tables}, ${row.saga}, ${row.inFlight} in flight: ${sample.sagasPerSecond.toFixed(1)} sagas/s`);
    }
    // A database that stays would count the earlier rounds again.
    if (!database) for (const table of await contender.database.hotUpdates()) remember(hot, { contender: name, ...table });
  } finally {
    await contender.close();
  }
  return results;
}

function remember(hot, { contender, table, updates, hot: hotUpdates }) {
  const key = `${contender} ${table}`;
  const so = hot.get(key) ?? { contender, table, updates: 0, hot: 0 };
  hot.set(key, { ...so, updates: so.updates + updates, hot: so.hot + hotUpdates });
}

/** How many queries a process with nothing to do sends in a second. */
export async function queriesWhenIdle({ services, seconds }) {
  const contender = await open({ services, name: 'default' });
  try {
    await warmUp(contender, { seconds: 1 });
    // What follows the last saga is not idleness yet.
    await pause(2_000);
    const queries = async () => (await contender.all('settle'))[0].queries;
    const before = await queries();
    await pause(seconds * 1_000);
    return ((await queries()) - before) / seconds;
  } finally {
    await contender.close();
  }
}
