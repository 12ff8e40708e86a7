// Every connection that one copy of `pg` makes in this process.

/**
 * PostgreSQL's statistics hear from a connection once a second at most, and from an idle one ten seconds late: `settle()` makes each tell
 * now, so that a short row can be counted. `queries()` is how many queries were sent so far, of all connections.
 */
export function watchPg(pg) {
  const clients = new Set();
  let sent = 0;
  const { connect, query } = pg.Client.prototype;
  pg.Client.prototype.connect = function (...args) {
    clients.add(this);
    this.once('end', () => clients.delete(this));
    return connect.apply(this, args);
  };
  pg.Client.prototype.query = function (...args) {
    sent++;
    return query.apply(this, args);
  };
  return {
    queries: () => sent,
    settle: async () => void (await Promise.all([...clients].map((client) => query.call(client, 'SELECT pg_stat_force_next_flush()')))),
  };
}
