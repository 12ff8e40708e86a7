// When the faults are over everything must come to its end, within a bound and by itself; only what is stuck on purpose waits for a
// person, who here repairs the outside world and asks again.
import { until } from './until.mjs';

const TERMINAL = `('completed', 'compensated', 'failed')`;

export async function drain({ database, schema, cluster, effects, withinMs }) {
  const begin = performance.now();
  const query = async (where) => (await database.query(`SELECT id, state FROM "${schema}".sagas WHERE ${where}`)).rows;
  const none = (where) => until(async () => ((await query(where)).length === 0 ? true : undefined), withinMs, 100);
  const works = `EXISTS (SELECT FROM "${schema}".operations o WHERE o.saga_id = id AND o.state IN ('started', 'running', 'retrying'))`;
  await none(`(state NOT IN ${TERMINAL} AND state <> 'stuck') OR (attention AND ${works})`);
  const drainedMs = Math.round(performance.now() - begin);
  const stuck = await query(`state = 'stuck' OR attention`);
  await effects.heal();
  for (const { id } of stuck) await until(async () => (await cluster.workers[0].call('compensate', { id }), true), 5_000, 100);
  const open = `state NOT IN ${TERMINAL} OR attention`;
  await none(open);
  return { drainedMs, stuck: stuck.map(({ id }) => id), left: await query(open) };
}
