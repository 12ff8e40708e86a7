import type { EntityManager, QueryRunner } from 'typeorm';
import { SagaTransactionError } from '../../errors';
import { isConflict, isConnectionLost, redacted } from './database.error';
import { transactionControlIn } from './transaction-control';

const behind = new WeakMap<QueryRunner, QueryRunner>();

/** The runner that events of TypeORM name, when a handler was given a guarded one. */
export function runnerBehind(runner: QueryRunner): QueryRunner {
  return behind.get(runner) ?? runner;
}

/** `open`: the handler runs. `ended`: it has settled. `abandoned`: it runs, but its transaction is over. */
type Phase = 'open' | 'ended' | 'abandoned';

/**
 * What a handler gets in place of the connection: everything TypeORM does with a runner works, except ending its transaction. It sees
 * what a handler hides (an error that was swallowed) or does not know (a statement that nobody waits for).
 */
export class GuardedRunner {
  readonly manager: EntityManager;
  /** The error that made the rest of the transaction useless, unless a savepoint was restored since. */
  failure: Error | null = null;
  /** What the handler did that cannot be let through; the first of it. */
  misuse: SagaTransactionError | null = null;
  connectionLost: Error | null = null;
  /** PostgreSQL rolled something back for the sake of another transaction. */
  conflict: { readonly thrown: unknown; readonly error: Error } | null = null;
  private phase: Phase = 'open';
  private running = 0;
  private readonly guarded: GuardedQueryRunner;

  constructor(
    private readonly runner: QueryRunner,
    private readonly onStray: (error: Error) => void,
  ) {
    // It inherits from the real one, which keeps the state of the transaction and whose release it must not show: a query that comes
    // too late has to reach `query` below, not an error of TypeORM that ends the process.
    this.guarded = Object.assign(Object.create(runner) as GuardedQueryRunner, {
      isReleased: false,
      query: (...args: Parameters<QueryRunner['query']>) => this.run(args[0], () => runner.query.apply(this.guarded, args)),
      stream: (...args: Parameters<QueryRunner['stream']>) => this.stream(args),
      commitTransaction: () => this.endTransaction('commitTransaction'),
      rollbackTransaction: () => this.endTransaction('rollbackTransaction'),
      release: () => this.refuse('queryRunner.release()'),
    });
    behind.set(this.guarded, runner);
    this.manager = runner.dataSource.createEntityManager(this.guarded);
  }

  /** The handler has returned or thrown. */
  settled(): void {
    this.phase = 'ended';
  }

  /** It returned, so that its statements should have ended. */
  expectQuiet(): void {
    if (this.running > 0) {
      const what = this.running === 1 ? 'a statement was' : `${this.running} statements were`;
      this.misuse ??= new SagaTransactionError(`${what} still running when the handler returned: an await is missing`);
    } else if ((this.guarded.transactionDepth ?? 1) > 1) {
      this.misuse ??= new SagaTransactionError('manager.transaction() had not ended when the handler returned: an await is missing');
    }
  }

  /** Whether this is an error of one of its statements: PostgreSQL's word, and not the handler's. */
  isConflict(thrown: unknown): boolean {
    return this.conflict !== null && (thrown === this.conflict.thrown || this.failure === this.conflict.error);
  }

  /** Statements that were handed to the connection, or are about to be: after them it cannot be used for anything else. */
  get isBusy(): boolean {
    return this.running > 0;
  }

  /** The transaction is over although the handler still runs. */
  abandon(): void {
    if (this.phase === 'open') this.phase = 'abandoned';
  }

  private async run<T>(sql: string, statement: () => Promise<T>): Promise<T> {
    if (this.phase !== 'open') return this.late();
    const control = transactionControlIn(sql);
    if (control !== null) return this.refuse(control);
    this.running++;
    const [ended] = await Promise.allSettled([statement()]);
    this.running--;
    if (ended.status === 'fulfilled') {
      if (/^\s*ROLLBACK\s/i.test(sql)) this.failure = null; // to a savepoint: no other one gets here
      return ended.value;
    }
    this.note(ended.reason);
    if (this.isEnded()) return never(); // nobody waits for it, so its rejection would end the process
    throw ended.reason;
  }

  private async stream(args: Parameters<QueryRunner['stream']>): ReturnType<QueryRunner['stream']> {
    const stream = await this.run(args[0], () => this.runner.stream.apply(this.guarded, args));
    this.running++;
    stream.once('error', (error: unknown) => this.note(error));
    stream.once('close', () => this.running--);
    return stream;
  }

  private async endTransaction(method: 'commitTransaction' | 'rollbackTransaction'): Promise<void> {
    if ((this.guarded.transactionDepth ?? 1) > 1) return this.runner[method].call(this.guarded);
    return this.refuse(`queryRunner.${method}()`);
  }

  private async refuse(what: string): Promise<never> {
    if (this.phase !== 'open') return this.late();
    this.misuse ??= new SagaTransactionError(
      `${what} was refused: the transaction of a transactional handler is committed together with its outcome, and not by the handler`,
    );
    throw this.misuse;
  }

  private async late(): Promise<never> {
    if (this.phase === 'abandoned')
      throw new SagaTransactionError('the statement was not run: the step was given up, and its transaction is over');
    const stray = new SagaTransactionError('a statement was begun after the handler had returned, and was not run: an await is missing');
    this.misuse ??= stray;
    this.onStray(stray);
    return never();
  }

  private note(error: unknown): void {
    const cause = redacted((error as { driverError?: unknown } | null)?.driverError ?? error);
    this.failure ??= cause;
    if (isConflict(cause)) this.conflict ??= { thrown: error, error: cause };
    if (isConnectionLost(cause)) this.connectionLost ??= cause;
  }

  private isEnded(): boolean {
    return this.phase === 'ended';
  }
}

interface GuardedQueryRunner extends QueryRunner {
  /** Not in TypeORM's types: 1 in a transaction, more in savepoints. */
  readonly transactionDepth?: number;
}

/** A rejection that nobody handles ends the process, and only whoever waits could handle it. */
async function never(): Promise<never> {
  return new Promise(() => undefined);
}
