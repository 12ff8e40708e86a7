import type { DataSource, EntityManager } from 'typeorm';
import type { TransactRequest } from '../../ports/report';
import { SagaDatabaseError, isConflict, isConnectionLost, redacted } from './database.error';
import { GuardedRunner } from './guarded-runner';
import { OWN_TYPES, type Sql, type Statement } from './sql';
import type { PgClient, PgResult, PostgresRunner } from './vendor';

/** Longer than any statement of the engine takes that is not lost. */
const ANSWER_MS = 15_000;
const LONGEST_TIMEOUT_MS = 2_147_483_647;

export type HandlerTransactionOptions = Pick<TransactRequest, 'isolation' | 'timeoutMs' | 'graceMs' | 'abandon' | 'onStray'> & {
  /** Runs before all else, so that what it locks is as new as the snapshot. A conflict of it is one of the beginning. */
  readonly first?: Statement | null;
};

/** A transaction on one connection of the application's pool: first the handler's, then, for the last statement, the engine's. */
export class HandlerTransaction implements Sql {
  readonly guard: GuardedRunner;
  /** Why the connection cannot go back to the pool. */
  private broken: Error | null = null;
  private isCommitting = false;
  private id = '';
  private role = '';

  private constructor(
    private readonly runner: PostgresRunner,
    private readonly client: PgClient,
    onStray: (error: Error) => void,
  ) {
    this.guard = new GuardedRunner(runner, onStray);
    client.on('error', this.onError);
  }

  /** @throws SagaDatabaseError: nothing has happened */
  static async begin(application: DataSource, options: HandlerTransactionOptions): Promise<HandlerTransaction> {
    const runner = application.createQueryRunner('master') as PostgresRunner;
    const beginning = (async () => {
      const transaction = new HandlerTransaction(runner, (await runner.connect()) as PgClient, options.onStray);
      await transaction.start(options);
      return transaction;
    })();
    try {
      // A pool without a free connection lets everybody wait for ever.
      return await orAbandoned(beginning, options.abandon, () => {
        throw new SagaDatabaseError(null, "the application's pool gave no connection in time");
      });
    } catch (error) {
      const why = redacted(error);
      // It may still come.
      void beginning.catch(() => undefined).then(() => runner.releasePostgresConnection(why));
      throw why;
    }
  }

  get manager(): EntityManager {
    return this.guard.manager;
  }

  /** The connection broke: whatever was not committed is rolled back. */
  get connectionLost(): Error | null {
    return this.guard.connectionLost ?? this.broken;
  }

  /** Statements of the engine: past the guard, and with parsers of their own. */
  async query<Row>({ text, values }: Statement): Promise<readonly Row[]> {
    return (await this.ask({ text, values, types: OWN_TYPES })).rows as readonly Row[];
  }

  /**
   * The rest is the engine's. @returns whether this is still the transaction that was begun for the handler
   *
   * @throws SagaDatabaseError with 25P02 when a statement of the handler failed and nobody said so
   */
  async takeOver(): Promise<boolean> {
    const [row] = await this.query<{ readonly id: string | null }>({
      // What the handler set for itself is not for the engine, whose row locks must not be held for long, and whose statements go by keys.
      text: `SELECT pg_current_xact_id_if_assigned()::text AS id, set_config('role', $1, true), set_config('lock_timeout', '3s', true),
               set_config('statement_timeout', '15s', true), set_config('idle_in_transaction_session_timeout', '15s', true),
               set_config('enable_seqscan', 'off', true)`,
      values: [this.role],
    });
    return row?.id === this.id;
  }

  /** Resolves when PostgreSQL answered COMMIT to the COMMIT. */
  async commit(): Promise<void> {
    this.isCommitting = true;
    const { command } = await this.ask('COMMIT');
    // A transaction in which a statement failed is rolled back by COMMIT, without an error.
    if (command !== 'COMMIT') throw new SagaDatabaseError('25P02', 'the transaction was rolled back');
  }

  /** TypeORM's subscribers may still write. */
  async announceCommit(): Promise<void> {
    await this.runner.broadcaster.broadcast('BeforeTransactionCommit');
  }

  /** After a commit: tells TypeORM's subscribers, and gives the connection back. */
  async finish(): Promise<void> {
    await this.over('AfterTransactionCommit');
  }

  /** @returns false when the handler had ended the transaction before: part of what it did may be committed */
  async rollback(): Promise<boolean> {
    const isOurs = await this.undone();
    await this.over('AfterTransactionRollback');
    return isOurs;
  }

  /** Rolls back without a word: the server notices that nobody is there any more. */
  async destroy(why: Error): Promise<void> {
    this.broken ??= why;
    await this.over('AfterTransactionRollback');
  }

  private async start({ isolation, timeoutMs, graceMs, first = null }: HandlerTransactionOptions): Promise<void> {
    const status = this.client.getTransactionStatus?.() ?? 'I';
    if (status !== 'I') throw new SagaDatabaseError(null, 'the pool gave a connection whose transaction nobody had ended');
    await this.runner.startTransaction(isolation ?? 'READ COMMITTED');
    if (first !== null) await this.query(first).catch((error: unknown) => this.givenBack(error));
    const [row] = await this.query<{ readonly id: string; readonly role: string }>({
      text: `SELECT pg_current_xact_id()::text AS id, current_setting('role') AS role,
               ${shortened('statement_timeout')}, ${shortened('idle_in_transaction_session_timeout')}`,
      values: [Math.min(Math.ceil(timeoutMs + graceMs), LONGEST_TIMEOUT_MS)],
    });
    this.id = row?.id ?? '';
    this.role = row?.role ?? 'none';
  }

  /** Nothing was wrong with the connection; to wait for one another must not cost one each time. */
  private async givenBack(why: unknown): Promise<never> {
    if (isConflict(why)) {
      await this.ask('ROLLBACK');
      await this.over('AfterTransactionRollback');
    }
    throw why;
  }

  private async undone(): Promise<boolean> {
    if (this.isCommitting) return true; // a COMMIT that is refused rolls back
    if (this.client.getTransactionStatus?.() === 'I') {
      this.broken ??= new Error('the handler ended the transaction');
      return false;
    }
    // What is about to be sent would come after the ROLLBACK, and be committed by itself.
    if (this.guard.isBusy) this.broken ??= new Error('statements were still running');
    if (this.connectionLost !== null) return true;
    try {
      await this.ask('ROLLBACK');
      const [row] = await this.query<{ readonly status: string | null }>({
        text: 'SELECT pg_xact_status($1::xid8) AS status',
        values: [this.id],
      });
      return row?.status !== 'committed';
    } catch (error) {
      this.broken ??= redacted(error);
      return true;
    }
  }

  private async over(event: 'AfterTransactionCommit' | 'AfterTransactionRollback'): Promise<void> {
    const { runner } = this;
    runner.isTransactionActive = false;
    runner.transactionDepth = 0;
    this.guard.abandon();
    try {
      await runner.broadcaster.broadcast(event);
    } finally {
      this.client.off('error', this.onError);
      await runner.releasePostgresConnection(this.connectionLost ?? undefined);
    }
  }

  private async ask(query: Parameters<PgClient['query']>[0]): Promise<PgResult> {
    if (this.connectionLost !== null) throw redacted(this.connectionLost);
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new SagaDatabaseError('ETIMEDOUT', `no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    });
    try {
      return await Promise.race([this.client.query(query), silence]);
    } catch (error) {
      const cause = redacted(error);
      if (isConnectionLost(cause)) this.broken ??= cause;
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  private readonly onError = (error: Error): void => {
    this.broken ??= redacted(error);
  };
}

/** What the work comes to, or what `otherwise` makes of an attempt that is given up before. */
export async function orAbandoned<T>(work: Promise<T>, abandon: AbortSignal, otherwise: () => T): Promise<T> {
  let giveUp: () => void = () => undefined;
  const abandoned = new Promise<'abandoned'>((resolve) => {
    giveUp = () => resolve('abandoned');
    abandon.addEventListener('abort', giveUp, { once: true });
  });
  if (abandon.aborted) giveUp();
  try {
    const first = await Promise.race([work.then((value) => ({ value })), abandoned]);
    return first === 'abandoned' ? otherwise() : first.value;
  } finally {
    abandon.removeEventListener('abort', giveUp);
  }
}

/** What the application allows itself, or $1 milliseconds when that is less. */
function shortened(setting: string): string {
  return `set_config('${setting}', (extract(epoch FROM least(nullif(current_setting('${setting}')::interval, '0'), $1 * interval '1 millisecond')) * 1000)::bigint::text, true)`;
}
