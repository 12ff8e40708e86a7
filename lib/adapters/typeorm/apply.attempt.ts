import { SagaBusyError, SagaInvariantError } from '../../errors';
import type { SagaEvent } from '../../core/event';
import type { OperationRef } from '../../core/operation';
import type { ApplyRequest, ApplyResult, Basis, Decide } from '../../ports/saga-store';
import { applyStatement } from './apply.statement';
import { isConnectionLost, sqlStateOf } from './database.error';
import { historyEntryOf } from './history-record';
import { wasAppliedStatement } from './history.statement';
import type { PlanShelf } from './plan.shelf';
import { readBasis } from './read.statement';
import type { Sql } from './sql';

export type Applied = Extract<ApplyResult, { kind: 'applied' }>;
/** `refused`: the saga has moved on, or somebody holds its row. `need`: what was given is not enough, or may be out of date. */
export type Outcome = Exclude<ApplyResult, { kind: 'failed' }> | { readonly kind: 'refused' } | { readonly kind: 'need' };

/** One event on its way: decided from what is known of the saga, and written if that is still true. */
export class ApplyAttempt {
  private basis: Basis | undefined;
  /** A part of the saga was not enough. */
  private needsWhole: boolean;
  /** What a statement whose answer was lost would have answered. */
  private unanswered: Applied | null = null;

  constructor(
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly request: ApplyRequest,
    private readonly decide: Decide,
  ) {
    this.basis = request.basis;
    this.needsWhole = partFor(request.event) === null;
  }

  /** After `refused` or `need` the next turn reads. */
  async once(sql: Sql): Promise<Outcome> {
    const given = this.basis;
    this.basis = undefined;
    const part = this.needsWhole ? null : partFor(this.request.event);
    const basis = given ?? (await readBasis(sql, this.schema, this.plans, this.request.sagaId, part));
    if (basis === undefined) return { kind: 'missing' };
    // Asked after the read and before the decision: what was committed later than the read is caught by its rev.
    if (this.unanswered !== null && (await wasApplied(sql, this.schema, this.unanswered))) return this.unanswered;
    const decision = this.decide(basis.plan, basis.saga, this.request.event);
    if (decision.kind !== 'moved' && !basis.saga.whole) this.needsWhole = true;
    if (decision.kind === 'need') {
      if (basis.saga.whole) throw new SagaInvariantError(`a decision asked for more than the whole of saga ${basis.saga.id}`);
      return { kind: 'need' };
    }
    if (decision.kind === 'ignored') {
      if (given !== undefined || !basis.saga.whole) return { kind: 'need' };
      return { kind: 'ignored', reason: decision.reason, state: basis.saga.state };
    }
    return this.write(sql, basis, { kind: 'applied', plan: basis.plan, saga: decision.saga, effects: decision.effects });
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
    if (outcome.kind === 'need') outcome = await this.once(sql); // a part of it was not enough
    if (outcome.kind === 'refused' || outcome.kind === 'need') throw new SagaInvariantError(`saga ${sagaId} moved under its lock`);
    return outcome;
  }

  /** Its statement was sent, or its commit, and no answer came. */
  isUnanswered(applied: Applied): void {
    this.unanswered = applied;
  }

  private async write(sql: Sql, { plan, saga }: Basis, applied: Applied): Promise<Outcome> {
    const { resendMs, graceMs, event } = this.request;
    const leaseGraceMs = event.type === 'lease-expired' ? (graceMs ?? 0) : null;
    const move = { plan, before: saga, after: applied.saga, effects: applied.effects, resendMs, leaseGraceMs };
    try {
      const rows = await sql.query(applyStatement(this.schema, move));
      return rows.length === 0 ? { kind: 'refused' } : applied;
    } catch (error) {
      if (sqlStateOf(error) === 'SG001' && leaseGraceMs !== null) return { kind: 'ignored', reason: 'lease-renewed', state: saga.state };
      if (isConnectionLost(error)) this.unanswered = applied;
      throw error;
    }
  }
}

/** The operation that an event is about, when that and those that wait for it may be all that is needed. */
function partFor(event: SagaEvent): OperationRef | null {
  return 'operation' in event && event.type !== 'reported' && event.type !== 'claim' ? event.operation : null;
}

export function lockSaga(schema: string): string {
  return `SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR NO KEY UPDATE`;
}

/** Asks the history whether something whose answer was lost was committed. */
export async function wasApplied(sql: Sql, schema: string, { saga, effects }: Applied): Promise<boolean> {
  const rows = await sql.query(wasAppliedStatement(schema, saga.id, saga.rev, historyEntryOf(effects)));
  return rows.length > 0;
}
