import type { DataSource, DataSourceOptions } from 'typeorm';
import { SagaClosedError, SagaConfigurationError } from '../../errors';
import { cancelStatement } from './cancel-statement';
import { isWornOut, redacted, sqlStateOf } from './database.error';
import { engineOptions } from './engine-options';
import { OWN_TYPES, type Sql, type Statement } from './sql';
import { loadTypeOrm, poolOf, type PgClient, type PgPool, type PgQuery, type PgResult } from './vendor';

/** Longer than any statement of the engine takes that is not lost. */
const ANSWER_MS = 15_000;
/** In a transaction the server has the same limit, and its word is better than silence. */
const TRANSACTION_ANSWER_MS = 20_000;

export interface EnginePoolInit {
  /** Those of the application's DataSource. */
  readonly application: DataSourceOptions;
  readonly poolSize: number;
  readonly namedStatements: boolean;
  /** A connection that says nothing for this long is given up. Default: 15,000. */
  readonly answerMs?: number;
}

/**
 * The engine's own few connections: heartbeats must not queue behind the handlers of the application, nor may handlers wait for
 * a connection that the engine holds.
 */
export class EnginePool implements Sql {
  private dataSource: DataSource | null = null;
  private naming: Naming = 'none';

  constructor(private readonly init: EnginePoolInit) {}

  /** Connects. Nothing is connected before. */
  async open(): Promise<void> {
    if (this.dataSource !== null) return;
    const dataSource = await this.connect(STARTUP).catch((error: unknown) => {
      if (sqlStateOf(error) !== REFUSED_STARTUP) throw error;
      return this.connect('');
    });
    const [settings] = await run<Settings>(dataSource, settingsQuery, 'none');
    if (settings?.isolation === 'read committed') {
      this.dataSource = dataSource;
      if (this.init.namedStatements) this.naming = settings.seqscan === 'off' ? 'all' : 'single';
      return;
    }
    await dataSource.destroy();
    throw new SagaConfigurationError([
      `typeOrmStore(): the engine needs READ COMMITTED, its connections are ${settings?.isolation ?? 'unknown'}, and what it asks for when it connects is ` +
        "ignored, probably by pgbouncer: ALTER ROLE … SET default_transaction_isolation = 'read committed'",
    ]);
  }

  async close(): Promise<void> {
    const open = this.dataSource;
    this.dataSource = null;
    await open?.destroy();
  }

  async query<Row>(statement: Statement): Promise<readonly Row[]> {
    return run<Row>(this.opened(), statement, this.naming, this.init.answerMs);
  }

  /** One transaction on one connection. Resolves only when PostgreSQL answered COMMIT to the COMMIT. */
  async transaction<T>(work: (sql: Sql) => Promise<T>, answerMs = this.init.answerMs ?? TRANSACTION_ANSWER_MS): Promise<T> {
    const pool = requirePool(this.opened());
    const client = await pool.connect().catch((error: unknown) => {
      throw redacted(error);
    });
    // A connection that breaks between two statements emits an error that nobody else listens to here.
    client.on('error', ignore);
    let broken: Error | undefined;
    try {
      const result = await within(client, work, this.naming, answerMs);
      return result;
    } catch (error) {
      broken = isWornOut(error) ? redacted(error) : await rollback(client, answerMs);
      throw redacted(error);
    } finally {
      if (broken === undefined) client.off('error', ignore);
      client.release(broken);
    }
  }

  private opened(): DataSource {
    if (this.dataSource === null) throw new SagaClosedError('use the store');
    return this.dataSource;
  }

  private async connect(startup: string): Promise<DataSource> {
    const { DataSource: Constructor } = loadTypeOrm();
    const dataSource = new Constructor(engineOptions(this.init.application, this.init.poolSize, startup));
    try {
      await dataSource.initialize();
      // Answers that arrive together are handled together: between a new connection's readiness and whoever asked for it, its end
      // would find no listener, and Node ends a process for that.
      poolOf(dataSource)?.on('connect', (client) => client.on('error', ignore));
      return dataSource;
    } catch (error) {
      // A half-opened DataSource cannot be destroyed, and an idle connection would keep the process alive.
      await poolOf(dataSource)
        ?.end()
        .catch(() => undefined);
      throw redacted(error);
    }
  }
}

/** What a broken connection says besides; the statement that meets it reports it. */
const ignore = (): void => undefined;

/**
 * What the engine's connections are opened with. The statements rely on seeing what was committed while they waited; a database may have
 * another default. And a plan that is kept must go by keys even if the tables were tiny when it was made: they will not stay so. It is kept from
 * the first time on: PostgreSQL would compare what it thinks of a new one with what it thought when the tables were smaller, and plan again and again.
 * Such a plan is made without values, those of unnamed statements too: what it depends on, as a limit, stands in the text. None of them is worth
 * compiling to machine code.
 */
const STARTUP = '-c default_transaction_isolation=read\\ committed -c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off';
/** How a pooler says that it knows no such parameter (protocol_violation). */
const REFUSED_STARTUP = '08P01';

interface Settings {
  readonly isolation: string;
  readonly seqscan: string;
}

const settingsQuery: Statement = {
  text: `SELECT current_setting('default_transaction_isolation') AS isolation, current_setting('enable_seqscan') AS seqscan`,
  values: [],
};

/** Which statements are prepared once a connection: where plans may read whole tables, only those about a single row without a join. */
type Naming = 'none' | 'single' | 'all';

async function run<Row>(dataSource: DataSource, statement: Statement, naming: Naming, answerMs = ANSWER_MS): Promise<readonly Row[]> {
  try {
    const client = await requirePool(dataSource).connect();
    const { rows } = await answeredInTime(client, toQuery(statement, naming), answerMs);
    return rows as readonly Row[];
  } catch (error) {
    throw redacted(error);
  }
}

async function answeredInTime(client: PgClient, query: PgQuery, answerMs: number): Promise<PgResult> {
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    return await answerOf(client, query, answerMs);
  } catch (error) {
    if (isWornOut(error)) broken = redacted(error);
    throw error;
  } finally {
    if (broken === undefined) client.off('error', ignore);
    client.release(broken);
  }
}

/**
 * A network that fell silent gives no error for a quarter of an hour, and whoever waits for such an answer stops sweeping and
 * beating. So the connection is given up: destroyed, not returned, because nobody knows what it will say.
 */
async function answerOf(client: PgClient, query: PgQuery | string, answerMs: number): Promise<PgResult> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      cancelStatement(client);
      reject(Object.assign(new Error(`no answer within ${answerMs} ms`), { code: 'ETIMEDOUT' }));
    }, answerMs);
  });
  try {
    return await Promise.race([client.query(query), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function toQuery(statement: Statement, naming: Naming): Parameters<PgPool['query']>[0] {
  const { name, isJoined = false, text, values } = statement;
  const isNamed = naming === 'all' || (naming === 'single' && !isJoined);
  return isNamed && name !== undefined ? { name, text, values, types: OWN_TYPES } : { text, values, types: OWN_TYPES };
}

function requirePool(dataSource: DataSource): PgPool {
  const pool = poolOf(dataSource);
  if (pool === undefined) throw new SagaClosedError('use the store');
  return pool;
}

async function within<T>(client: PgClient, work: (sql: Sql) => Promise<T>, naming: Naming, answerMs: number): Promise<T> {
  const ask = (query: PgQuery | string): Promise<PgResult> => answerOf(client, query, answerMs);
  await ask('BEGIN ISOLATION LEVEL READ COMMITTED');
  // Unlike startup parameters, these work through pgbouncer.
  await ask(`SET LOCAL lock_timeout = '3s'`);
  await ask(`SET LOCAL statement_timeout = '15s'`);
  await ask(`SET LOCAL idle_in_transaction_session_timeout = '15s'`);
  const sql: Sql = {
    query: async <Row>(statement: Statement) => {
      try {
        return (await ask(toQuery(statement, naming))).rows as readonly Row[];
      } catch (error) {
        throw redacted(error);
      }
    },
  };
  const result = await work(sql);
  const commit: PgResult = await ask('COMMIT');
  // A transaction in which a statement failed is rolled back by COMMIT, without an error.
  if (commit.command !== 'COMMIT') throw new Error('the transaction was rolled back');
  return result;
}

/** The error with which the connection must be thrown away; undefined when it can be used again. */
async function rollback(client: PgClient, answerMs: number): Promise<Error | undefined> {
  try {
    await answerOf(client, 'ROLLBACK', answerMs);
    return undefined;
  } catch (error) {
    return redacted(error);
  }
}
