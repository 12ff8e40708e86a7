import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { SagaTransactionError } from '../../errors';
import type { ConcludedEvent } from '../../core/event';
import type { Decide, TransactRequest, TransactResult } from '../../ports/report';
import { ApplyAttempt, lockSaga, wasApplied, type Applied } from './apply.attempt';
import { hasMissedRow, isConflict, isConnectionLost, isTransient, redacted, sqlStateOf } from './database.error';
import type { EnginePool } from './engine.pool';
import type { GuardedRunner } from './guarded-runner';
import { HandlerTransaction, orAbandoned } from './handler-transaction';
import { heartbeatStatement, toHeartbeatResults, type HeartbeatRow } from './heartbeat.statement';
import { Lane } from './lane';
import type { PlanShelf } from './plan.shelf';
import { restStatement } from './rest.statement';
import type { Turns } from './turns';

/** Times that a transaction is run again because PostgreSQL rolled it back for the sake of another. */
const MOST_CONFLICTS = 3;
/** The saga waits for a transaction that holds it: only for one that was shorter than this the last time. */
const LONGEST_HOLD_MS = 1_000;
/** After an unclear COMMIT; longer than the server lets the transaction sleep. */
const SETTLE_MS = 20_000;

interface Conflict {
  readonly kind: 'conflict';
  readonly error: Error;
  /** It had not begun: it waited for somebody who then changed the saga. */
  readonly atBegin?: true;
}
type Ended = TransactResult | Conflict;
type Worked = { readonly kind: 'returned'; readonly event: ConcludedEvent } | Extract<TransactResult, { kind: 'threw' | 'abandoned' }>;

/**
 * Runs a handler in a transaction of the application's pool and commits what it did together with its outcome.
 *
 * ```
 * BEGIN ──► handler ──► is it still our transaction? ──► apply from the claim's basis ──► COMMIT ──► applied
 *               │                     │                     └─ refused: lock, read, decide, apply ─┘    └─ no answer: asked by its row
 *               └─ threw ──► ROLLBACK └─ misused ──► ROLLBACK
 * ```
 */
export class SagaTransactor {
  private readonly settling = new Lane();

  constructor(
    private readonly application: DataSource,
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly turns: Turns,
  ) {}

  async transact(request: TransactRequest, decide: Decide): Promise<TransactResult> {
    let holdsSaga = false;
    for (let conflicts = 0; ;) {
      const begunAt = performance.now();
      const ended = await this.once(request, decide, holdsSaga);
      if (ended.kind !== 'conflict') return ended;
      if (request.abandon.aborted) return ended.atBegin === true ? { kind: 'lost', error: ended.error } : { kind: 'abandoned' };
      if (ended.atBegin !== true) {
        if (conflicts++ === MOST_CONFLICTS) return { kind: 'lost', error: ended.error };
        // Above READ COMMITTED whatever happens to the saga meanwhile is a conflict: beside busy branches there is always something.
        holdsSaga = request.isolation !== undefined && performance.now() - begunAt < LONGEST_HOLD_MS;
      }
      await pause(2 ** conflicts * 10 * Math.random());
    }
  }

  private async once(request: TransactRequest, decide: Decide, holdsSaga: boolean): Promise<Ended> {
    let transaction: HandlerTransaction;
    try {
      if (request.isolation !== undefined && !(await this.hold(request)))
        return { kind: 'ignored', reason: 'stale', state: request.basis.saga.state };
      const first = holdsSaga ? { text: lockSaga(this.schema), values: [request.sagaId] } : null;
      transaction = await HandlerTransaction.begin(this.application, { first, ...request });
    } catch (error) {
      const why = redacted(error);
      return isConflict(why) ? { kind: 'conflict', error: why, atBegin: true } : { kind: 'lost', error: why };
    }
    const worked = await work(transaction, request);
    switch (worked.kind) {
      case 'abandoned':
        await transaction.destroy(new Error('the attempt was given up')).catch(request.onStray);
        return worked;
      case 'threw':
        return rolledBack(transaction, request, judged(transaction.guard, worked));
      case 'returned':
        // Whoever has the turn may wait for what this one holds.
        if (holdsSaga) return this.complete(transaction, request, worked.event, decide);
        return this.turns.take(request.sagaId, () => this.complete(transaction, request, worked.event, decide));
    }
  }

  /** One lease for all the time there is: from its first statement on, the transaction must be alone with the saga's rows. */
  private async hold({ sagaId, claim, timeoutMs, graceMs }: TransactRequest): Promise<boolean> {
    // The grace twice: until the first is over, this process itself says that the time is up.
    const beats = [{ sagaId, ...claim, leaseMs: timeoutMs + graceMs, timedOut: false }];
    const rows = await this.pool.query<HeartbeatRow>(heartbeatStatement(this.schema, beats));
    await this.pool.query(restStatement(this.schema, sagaId, graceMs));
    return toHeartbeatResults(rows, beats)[0]?.held === true;
  }

  /** From here on the handler has nothing more to say. */
  private async complete(transaction: HandlerTransaction, request: TransactRequest, event: ConcludedEvent, decide: Decide): Promise<Ended> {
    let applied: Applied;
    try {
      const outcome = await this.apply(transaction, request, event, decide);
      if (outcome.kind !== 'applied') return await rolledBack(transaction, request, outcome);
      applied = outcome;
    } catch (error) {
      return rolledBack(transaction, request, failed(transaction.guard, redacted(error)));
    }
    if (transaction.guard.misuse !== null) return rolledBack(transaction, request, misused(transaction.guard.misuse));
    if (request.abandon.aborted) return rolledBack(transaction, request, { kind: 'abandoned' });
    try {
      await transaction.commit();
    } catch (error) {
      return this.uncommitted(transaction, request, applied, redacted(error));
    }
    await transaction.finish().catch(request.onStray); // a subscriber of the application's; what it was told has happened
    return applied;
  }

  private async apply(transaction: HandlerTransaction, request: TransactRequest, event: ConcludedEvent, decide: Decide): Promise<Ended> {
    if (transaction.guard.misuse !== null) return misused(transaction.guard.misuse);
    await request.calm();
    if (!(await transaction.takeOver())) return ENDED_BY_HANDLER;
    const attempt = new ApplyAttempt(this.schema, this.plans, { event, ...request }, decide);
    const outcome = await attempt.once(transaction);
    return outcome.kind === 'refused' || outcome.kind === 'need' ? attempt.underLock(transaction) : outcome;
  }

  private async uncommitted(transaction: HandlerTransaction, request: TransactRequest, applied: Applied, error: Error): Promise<Ended> {
    if (isConnectionLost(error)) {
      await transaction.destroy(error).catch(request.onStray);
      return this.settled(applied, error);
    }
    if (isConflict(error)) return rolledBack(transaction, request, { kind: 'conflict', error });
    // Constraints that are checked at the end of a transaction speak for the handler.
    return rolledBack(transaction, request, isTransient(error) ? { kind: 'lost', error } : { kind: 'threw', thrown: error });
  }

  /** No answer came to the COMMIT. The lock waits for the backend that had it. */
  private async settled(applied: Applied, error: Error): Promise<TransactResult> {
    const until = performance.now() + SETTLE_MS;
    for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      try {
        const happened = await this.settling.run(() =>
          this.pool.transaction(async (sql) => {
            await sql.query({ text: lockSaga(this.schema), values: [applied.saga.id] });
            return wasApplied(sql, this.schema, applied);
          }),
        );
        return happened ? applied : { kind: 'lost', error };
      } catch (trouble) {
        if (!isTransient(trouble) || performance.now() > until) return { kind: 'lost', error };
        await pause(pauseMs);
      }
    }
  }
}

const ENDED_BY_HANDLER: Ended = {
  kind: 'misused',
  error: new SagaTransactionError(
    'the handler ended its transaction itself, so that what it wrote may be committed without its outcome; only its `ctx.manager` may be used, and never to commit',
  ),
  outcome: 'unknown',
  retryable: false,
};

/** Runs the handler, until it settles or is given up. */
async function work(transaction: HandlerTransaction, { work: run, abandon }: TransactRequest): Promise<Worked> {
  const { guard, manager } = transaction;
  const worked = run(manager)
    .finally(() => guard.settled())
    .then(async (event): Promise<Worked> => {
      guard.expectQuiet();
      if (abandon.aborted) return { kind: 'abandoned' };
      await transaction.announceCommit();
      return { kind: 'returned', event };
    })
    .catch((thrown: unknown): Worked => ({ kind: 'threw', thrown }));
  return orAbandoned(worked, abandon, () => ({ kind: 'abandoned' }));
}

/** What a throw comes to: it may be PostgreSQL's word, and not the handler's. */
function judged(guard: GuardedRunner, threw: Extract<Worked, { kind: 'threw' }>): Ended {
  if (guard.conflict !== null && guard.isConflict(threw.thrown)) return { kind: 'conflict', error: guard.conflict.error };
  if (guard.connectionLost !== null) return { kind: 'lost', error: guard.connectionLost };
  return guard.misuse === null ? threw : misused(guard.misuse);
}

/** What an error of the engine's own statements comes to. */
function failed(guard: GuardedRunner, error: Error): Ended {
  if (sqlStateOf(error) !== '25P02')
    return isConflict(error) || hasMissedRow(error) ? { kind: 'conflict', error } : { kind: 'lost', error };
  if (guard.conflict !== null && guard.conflict.error === guard.failure) return { kind: 'conflict', error: guard.failure };
  const first = guard.failure === null ? '' : `: ${guard.failure.message}`;
  const swallowed = `a statement of the handler failed and the error was swallowed, so PostgreSQL rolls everything back${first}`;
  return { ...misused(new SagaTransactionError(swallowed)), retryable: undefined };
}

function misused(error: Error): Extract<Ended, { kind: 'misused' }> {
  return { kind: 'misused', error, outcome: 'failed', retryable: false };
}

async function rolledBack(transaction: HandlerTransaction, { onStray }: TransactRequest, ended: Ended): Promise<Ended> {
  try {
    return (await transaction.rollback()) ? ended : ENDED_BY_HANDLER;
  } catch (error) {
    onStray(redacted(error)); // of a subscriber of the application's
    return ended;
  }
}
