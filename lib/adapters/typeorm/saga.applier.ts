import { setTimeout as pause } from 'node:timers/promises';
import { SagaBusyError, SagaInvariantError } from '../../errors';
import type { ApplyRequest, ApplyResult, Basis, Decide } from '../../ports/saga-store';
import { applyStatement } from './apply.statement';
import { isConnectionLost, isTransient, redacted, sqlStateOf } from './database.error';
import type { EnginePool } from './engine.pool';
import { historyEntryOf } from './history-record';
import { Lane } from './lane';
import type { PlanShelf } from './plan.shelf';
import { readBasis } from './read.statement';
import { wasAppliedStatement } from './history.statement';
import { retrying } from './retrying';
import type { Sql } from './sql';
import type { Turns } from './turns';

type Applied = Extract<ApplyResult, { kind: 'applied' }>;
type Outcome = ApplyResult | { readonly kind: 'refused' } | { readonly kind: 'need' };

const FAST_TRIES = 3;
const MOST_TROUBLES = 5;

/**
 * Decide, then apply as one autocommit statement: no lock is held while JavaScript runs. A saga that moved on meanwhile is read
 * and decided again; one that keeps moving, or whose row is held by somebody else, is decided under its lock in the slow lane.
 *
 * ```
 * basis ──► decide ──► moved ──► statement ──► applied
 *   ▲          └─► need, or ignored from a given basis: read, decide again
 *   └────────── refused (rev moved, row held): read, three times ──► slow lane
 * ```
 */
export class SagaApplier {
  private readonly slowLane = new Lane();

  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly turns: Turns,
  ) {}

  async apply(requests: readonly ApplyRequest[], decide: Decide): Promise<readonly ApplyResult[]> {
    const results: ApplyResult[] = [];
    const ofSaga = new Map<string, number[]>();
    requests.forEach(({ sagaId }, place) => ofSaga.set(sagaId, [...(ofSaga.get(sagaId) ?? []), place]));
    // Events of one saga in the order they came; sagas beside each other.
    await Promise.all(
      [...ofSaga.values()].map(async (places) => {
        for (const place of places) {
          const request = requests[place] as ApplyRequest;
          results[place] = await this.turns.take(request.sagaId, () => this.applyOne(request, decide));
        }
      }),
    );
    return results;
  }

  private async applyOne(request: ApplyRequest, decide: Decide): Promise<ApplyResult> {
    try {
      if (request.event.type === 'claim') throw new SagaInvariantError('a claim goes through claim(), which sets its lease');
      return await new Attempt(this.pool, this.schema, this.plans, request, decide, this.slowLane).run();
    } catch (error) {
      return { kind: 'failed', error: redacted(error) };
    }
  }
}

/** One event on its way. */
class Attempt {
  private basis: Basis | undefined;
  /** What a statement whose answer was lost would have answered. */
  private unanswered: Applied | null = null;

  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly request: ApplyRequest,
    private readonly decide: Decide,
    private readonly slowLane: Lane,
  ) {
    this.basis = request.basis;
  }

  async run(): Promise<ApplyResult> {
    let refusals = 0;
    for (let troubles = 0; refusals < FAST_TRIES;) {
      try {
        const outcome = await this.once(this.pool);
        if (outcome.kind === 'refused') refusals++;
        else if (outcome.kind !== 'need') return outcome;
      } catch (error) {
        if (!isTransient(error) || ++troubles > MOST_TROUBLES) throw error;
        await pause(10 * 2 ** troubles);
      }
    }
    return this.slowLane.run(() => retrying(() => this.underLock()));
  }

  /** `need`: what was given is not enough, or may be out of date; the next turn reads. */
  private async once(sql: Sql): Promise<Outcome> {
    const given = this.basis;
    this.basis = undefined;
    const basis = given ?? (await readBasis(sql, this.schema, this.plans, this.request.sagaId));
    if (basis === undefined) return { kind: 'missing' };
    // Asked after the read and before the decision: what was committed later than the read is caught by its rev.
    if (await this.wasOurs(sql)) return this.unanswered as Applied;
    const decision = this.decide(basis.plan, basis.saga, this.request.event);
    if (decision.kind === 'need') {
      if (basis.saga.whole) throw new SagaInvariantError(`a decision asked for more than the whole of saga ${basis.saga.id}`);
      return { kind: 'need' };
    }
    if (decision.kind === 'ignored') {
      if (given !== undefined) return { kind: 'need' };
      return { kind: 'ignored', reason: decision.reason, state: basis.saga.state };
    }
    return this.write(sql, basis, { kind: 'applied', plan: basis.plan, saga: decision.saga, effects: decision.effects });
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

  /** Waits for whoever holds the saga: also for a backend that is still busy with a statement whose answer was lost. */
  private async underLock(): Promise<ApplyResult> {
    const { sagaId } = this.request;
    let outcome: Outcome | null = null;
    try {
      return await this.pool.transaction(async (sql) => {
        await sql.query({ text: `SELECT 1 FROM "${this.schema}".sagas WHERE id = $1 FOR NO KEY UPDATE`, values: [sagaId] });
        outcome = await this.once(sql);
        if (outcome.kind === 'refused' || outcome.kind === 'need') throw new SagaInvariantError(`saga ${sagaId} moved under its lock`);
        return outcome;
      });
    } catch (error) {
      if (sqlStateOf(error) === '55P03') throw new SagaBusyError(`saga ${sagaId}`);
      const reached = outcome as Outcome | null;
      // The renewed lease has failed the statement and with it the transaction, which had nothing else to do.
      if (reached?.kind === 'ignored') return reached;
      if (reached?.kind === 'applied' && isConnectionLost(error)) this.unanswered = reached;
      throw error;
    }
  }

  /** Asks the history whether the statement whose answer was lost was committed. */
  private async wasOurs(sql: Sql): Promise<boolean> {
    if (this.unanswered === null) return false;
    const { saga, effects } = this.unanswered;
    const rows = await sql.query(wasAppliedStatement(this.schema, saga.id, saga.rev, historyEntryOf(effects)));
    return rows.length > 0;
  }
}
