import { SagaBusyError, SagaInvariantError } from '../../errors';
import type { ApplyRequest, ApplyResult, Basis, Decide } from '../../ports/saga-store';
import { applyStatement, type Move } from './apply.statement';
import { isConnectionLost, sqlStateOf } from './database.error';
import { historyEntryOf } from './history-record';
import { wasAppliedStatement } from './history.statement';
import type { PlanShelf } from './plan.shelf';
import { readBasis, readPart } from './read.statement';
import type { Sql } from './sql';

export type Applied = Extract<ApplyResult, { kind: 'applied' }>;
/** `refused`: the saga has moved on, or somebody holds its row. `need`: what was given is not enough, or may be out of date. */
export type Outcome = Exclude<ApplyResult, { kind: 'failed' }> | { readonly kind: 'refused' } | { readonly kind: 'need' };

/** Answers whether the decision was applied. */
export type MoveWriter = (move: Move) => Promise<boolean>;

export async function writeOne(sql: Sql, schema: string, move: Move): Promise<boolean> {
  const rows = await sql.query(applyStatement(schema, move));
  return rows.length > 0;
}

/** One event on its way: decided from what is known of the saga, and written if that is still true. */
export class ApplyAttempt {
  private basis: Basis | undefined;
  /** A part of the saga was not enough. */
  private needsAll = false;
  /** What a statement whose answer was lost would have answered. */
  private unanswered: Applied | null = null;

  constructor(
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly request: ApplyRequest,
    private readonly decide: Decide,
  ) {
    this.basis = request.basis;
  }

  /** After `refused` the next turn reads what it needs, after `need` everything. */
  async once(sql: Sql, write: MoveWriter = (move) => writeOne(sql, this.schema, move)): Promise<Outcome> {
    const given = this.basis ?? (await this.readPart(sql));
    this.basis = undefined;
    const basis = given ?? (await readBasis(sql, this.schema, this.plans, this.request.sagaId));
    if (basis === undefined) return { kind: 'missing' };
    // Asked after the read and before the decision: what was committed later than the read is caught by its rev.
    if (this.unanswered !== null && (await wasApplied(sql, this.schema, this.unanswered))) return this.unanswered;
    const decision = this.decide(basis.plan, basis.saga, this.request.event);
    if (decision.kind === 'need') {
      if (basis.saga.whole) throw new SagaInvariantError(`a decision asked for more than the whole of saga ${basis.saga.id}`);
      return this.need();
    }
    if (decision.kind === 'ignored') {
      if (given !== undefined) return this.need();
      return { kind: 'ignored', reason: decision.reason, state: basis.saga.state };
    }
    return this.write(write, basis, { kind: 'applied', plan: basis.plan, saga: decision.saga, effects: decision.effects });
  }

  /**
   * Inside a transaction: waits for whoever holds the saga, also for a backend that is still busy with a statement whose answer was
   * lost. The saga cannot move any more, so this is decided.
   */
  async underLock(sql: Sql): Promise<Exclude<Outcome, { kind: 'refused' | 'need' }>> {
    const { sagaId } = this.request;
    try {
      await sql.query({ text: lockSaga(this.schema), values: [sagaId] });
    } catch (error) {
      throw sqlStateOf(error) === '55P03' ? new SagaBusyError(`saga ${sagaId}`) : error;
    }
    let outcome = await this.once(sql);
    if (outcome.kind === 'need') outcome = await this.once(sql);
    if (outcome.kind === 'refused' || outcome.kind === 'need') throw new SagaInvariantError(`saga ${sagaId} moved under its lock`);
    return outcome;
  }

  /** Its statement was sent, or its commit, and no answer came. */
  isUnanswered(applied: Applied): void {
    this.unanswered = applied;
  }

  private need(): Outcome {
    this.needsAll = true;
    return { kind: 'need' };
  }

  private async readPart(sql: Sql): Promise<Basis | undefined> {
    const { sagaId, event } = this.request;
    return this.needsAll || !('operation' in event) ? undefined : readPart(sql, this.schema, this.plans, sagaId, event.operation);
  }

  private async write(write: MoveWriter, { plan, saga }: Basis, applied: Applied): Promise<Outcome> {
    const { resendMs, graceMs, event } = this.request;
    const leaseGraceMs = event.type === 'lease-expired' ? (graceMs ?? 0) : null;
    const move = { plan, before: saga, after: applied.saga, effects: applied.effects, resendMs, leaseGraceMs };
    try {
      return (await write(move)) ? applied : { kind: 'refused' };
    } catch (error) {
      if (sqlStateOf(error) === 'SG001' && leaseGraceMs !== null) return { kind: 'ignored', reason: 'lease-renewed', state: saga.state };
      if (isConnectionLost(error)) this.unanswered = applied;
      throw error;
    }
  }
}

export function lockSaga(schema: string): string {
  return `SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR NO KEY UPDATE`;
}

/** Asks the history whether something whose answer was lost was committed. */
export async function wasApplied(sql: Sql, schema: string, { saga, effects }: Applied): Promise<boolean> {
  const rows = await sql.query(wasAppliedStatement(schema, saga.id, saga.rev, historyEntryOf(effects)));
  return rows.length > 0;
}
