// What the tables say of sagas, read by the test itself and not by the engine that is being judged.

/** @returns {Promise<Map<string, object>>} by id: `{ id, state, rev, operations, history }` */
export async function readSagas(database, schema, ids = null) {
  const rows = async (text) => (await database.query(text, [ids])).rows;
  const sagas = await rows(`SELECT id, state, rev::int, attention FROM "${schema}".sagas WHERE $1::text[] IS NULL OR id = ANY ($1)`);
  const operations = await rows(
    `SELECT o.saga_id, o.direction, o.step, p.body -> 'steps' -> o.step ->> 'name' AS name, p.body -> 'steps' -> o.step ->> 'action' AS action,
            p.body -> 'steps' -> o.step -> 'dependsOn' AS depends_on, coalesce((p.body ->> 'undosAtOnce')::int, 10) AS undos_at_once, o.round, o.state, o.ord::int, o.claims, o.losses,
            o.had_unknown, o.action_outcome, o.output, o.error
       FROM "${schema}".operations o JOIN "${schema}".sagas s ON s.id = o.saga_id JOIN "${schema}".plans p ON p.hash = s.plan_hash
      WHERE $1::text[] IS NULL OR o.saga_id = ANY ($1)`,
  );
  const history = await rows(
    `SELECT saga_id, rev::int, extract(epoch FROM at)::float8 * 1000 AS at, kind, state, step, direction, round, error FROM "${schema}".history
      WHERE $1::text[] IS NULL OR saga_id = ANY ($1) ORDER BY saga_id, rev`,
  );
  const byId = new Map(sagas.map((saga) => [saga.id, { ...saga, operations: [], history: [] }]));
  for (const operation of operations) byId.get(operation.saga_id)?.operations.push(operation);
  for (const entry of history) byId.get(entry.saga_id)?.history.push(entry);
  return byId;
}

export async function sagaOfKey(database, schema, key) {
  const { rows } = await database.query(
    `SELECT k.saga_id AS id, s.state FROM "${schema}".business_keys k LEFT JOIN "${schema}".sagas s ON s.id = k.saga_id WHERE k.key = $1`,
    [key],
  );
  return rows[0];
}
