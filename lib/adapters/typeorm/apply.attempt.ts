import { SagaBusyError, SagaInvariantError } from '../../errors';
import { chain } from '../../core/chain';
import type { Decision } from '../../core/decision';
import type { SagaEvent } from '../../core/event';
import type { Plan } from '../../core/plan';
import { operationOf, type SagaValue } from '../../core/saga-value';
import type { Basis } from '../../ports/claim';
import type { ApplyRequest, ApplyResult, Decide } from '../../ports/report';
import { applyStatement, type AppliedRow } from './apply.statement';
import { linkOf, type Link } from './chain-link';
import { claimedStatement, toClaim, type ClaimRow } from './claim.statement';
import { hasMissedRow, isConnectionLost, sqlStateOf } from './database.error';
import { endedSaga } from './ended-saga';
import { historyRecords } from './history-record';
import { wasAppliedStatement } from './history.statement';
import { contextPatch, encoded, type EncodedMove, type Move } from './move';
import { Parcel } from './parcel';
import { nextClaim, type Executed } from './next-claim';
import type { PlanShelf } from './plan.shelf';
import { readBasis, readParts } from './read.statement';
import type { Sql } from './sql';

export type Applied = Extract<ApplyResult, { kind: 'applied' }>;
/** `refused`: the saga has moved on, or somebody holds its row. `need`: what was given is not enough, or may be out of date. */
export type Outcome = Exclude<ApplyResult, { kind: 'failed' }> | { readonly kind: 'refused' } | { readonly kind: 'need' };

/** Answers what was applied; undefined: nothing. */
export type MoveWriter = (move: Parcel<EncodedMove>) => Promise<AppliedRow | undefined>;

export async function writeOne(sql: Sql, schema: string, move: Parcel<EncodedMove>): Promise<AppliedRow | undefined> {
  const [row] = await sql.query<AppliedRow>(applyStatement(schema, [move.open()]));
  return row;
}

/** What a statement is to do: one decision, and maybe the claim that is chained to it. */
interface Intent {
  readonly applied: Applied;
  readonly link: Link | undefined;
  /** It was decided from what the claim before has said, and from nothing that was read since. */
  readonly isOwn?: boolean;
}

/** One event on its way: decided from what is known of the saga, and written if that is still true. */
export class ApplyAttempt {
  private basis: Basis | undefined;
  /** A part of the saga was not enough. */
  private needsAll = false;
  /** What a statement was to do whose answer was lost. */
  private unanswered: Intent | null = null;
  /** Once the saga has moved on under this worker it is not the only one there: its next operation travels. */
  private mayChain = true;

  constructor(
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly request: ApplyRequest,
    private readonly decide: Decide,
  ) {
    this.basis = request.basis;
  }

  /** After `refused` the next turn reads what it needs, after `need` everything. */
  once(sql: Sql, write: MoveWriter = (move) => writeOne(sql, this.schema, move)): Promise<Outcome> {
    const { basis } = this;
    this.basis = undefined;
    return basis === undefined || this.unanswered !== null ? this.fromRead(sql, write, basis) : this.from(basis, write, 'own');
  }

  private async fromRead(sql: Sql, write: MoveWriter, own: Basis | undefined): Promise<Outcome> {
    const given = own ?? (await this.readPart(sql));
    const basis = given ?? (await readBasis(sql, this.schema, this.plans, this.request.sagaId));
    if (basis === undefined) return { kind: 'missing' };
    // Asked after the read and before the decision: what was committed later than the read is caught by its rev.
    if (this.unanswered !== null && (await wasApplied(sql, this.schema, this.unanswered.applied))) return this.found(sql, this.unanswered);
    return this.from(basis, write, own === undefined ? (given === undefined ? 'whole' : 'part') : 'own');
  }

  /** @param known whether `basis` is the claim's own, or was read just now */
  private async from(basis: Basis, write: MoveWriter, known: 'own' | 'part' | 'whole'): Promise<Outcome> {
    const { plan, saga } = basis;
    const decision = this.decide(plan, saga, this.request.event);
    if (decision.kind === 'need') {
      if (saga.whole) throw new SagaInvariantError(`a decision asked for more than the whole of saga ${saga.id}`);
      return this.need();
    }
    if (decision.kind === 'ignored')
      return known === 'whole' ? { kind: 'ignored', reason: decision.reason, state: saga.state } : this.need();
    const intent = this.intentOf(plan, decision, known === 'own');
    const move = this.moveOf(basis, intent);
    try {
      const row = await write(new Parcel(saga.id, () => encoded(move)));
      if (row === undefined) this.mayChain = false;
      return row === undefined ? { kind: 'refused' } : this.answer(intent, row);
    } catch (error) {
      if (hasMissedRow(error) && move.leaseGraceMs !== null) return { kind: 'ignored', reason: 'lease-renewed', state: saga.state };
      if (isConnectionLost(error)) this.unanswered = intent;
      throw error;
    }
  }

  /**
   * Inside a transaction: waits for whoever holds the saga, also for a backend that is still busy with a statement whose answer was
   * lost. The saga cannot move any more, so this is decided.
   */
  async underLock(sql: Sql): Promise<Exclude<Outcome, { kind: 'refused' | 'need' }>> {
    const { sagaId } = this.request;
    this.mayChain = false;
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
    this.unanswered = { applied, link: undefined };
  }

  private intentOf(plan: Plan, decision: Extract<Decision, { kind: 'moved' }>, isOwn: boolean): Intent {
    const { chain: offer } = this.request;
    const chained = offer === undefined || !this.mayChain ? null : chain(plan, decision, offer);
    const { saga, effects } = chained ?? decision;
    const isKnown = isOwn && offer?.after.ahead !== undefined;
    const link = offer === undefined || chained === null ? undefined : linkOf(plan, chained, offer, isKnown);
    return { applied: { kind: 'applied', plan, saga, effects }, link, isOwn };
  }

  /** The lost answer was a good one. What it would have said of the chained claim is asked for; somebody else may have it by now. */
  private async found(sql: Sql, { applied, link }: Intent): Promise<Applied> {
    const { chain: offer, sagaId } = this.request;
    if (link === undefined || offer === undefined) return applied;
    const { operation } = link;
    const [row] = await sql.query<ClaimRow>(claimedStatement(this.schema, { sagaId, operation, claimId: offer.claimId }));
    return row === undefined ? applied : { ...applied, next: toClaim(row, applied.plan, offer.claimId) };
  }

  private need(): Outcome {
    this.needsAll = true;
    return { kind: 'need' };
  }

  private async readPart(sql: Sql): Promise<Basis | undefined> {
    const { sagaId, event } = this.request;
    return this.needsAll || !('operation' in event) ? undefined : readParts(sql, this.schema, this.plans, sagaId, [event.operation]);
  }

  private moveOf({ plan, saga: before }: Basis, { applied, link }: Intent): Move {
    const { resendMs, graceMs, event } = this.request;
    const leaseGraceMs = event.type === 'lease-expired' ? (graceMs ?? 0) : null;
    return { plan, before, after: applied.saga, effects: applied.effects, resendMs, leaseGraceMs, link };
  }

  private answer({ applied, link, isOwn = false }: Intent, row: AppliedRow): Applied {
    const { chain: offer, event } = this.request;
    if (offer === undefined) return applied;
    const { plan, saga, effects } = applied;
    const patch = contextPatch(effects);
    const executed = executedBy(event, saga);
    if (link !== undefined) {
      const next = nextClaim(offer.claimId, offer.after, { plan, after: saga, link, patch, executed }, row);
      return { kind: 'applied', plan, saga, effects, next };
    }
    const hasEnded = isOwn && effects.some(({ type }) => type === 'ended');
    const ended = hasEnded ? endedSaga(offer.after, { plan, after: saga, patch, executed }, row) : null;
    return ended === null ? applied : { kind: 'applied', plan, saga, effects, ended };
  }
}

/** The action whose attempt this event has ended, by whoever's word. */
function executedBy(event: SagaEvent, after: SagaValue): Executed | null {
  if (!('operation' in event) || event.operation.direction !== 'action') return null;
  const operation = operationOf(after, event.operation);
  return operation === undefined || operation.state === 'running' ? null : { step: operation.step, output: operation.output };
}

export function lockSaga(schema: string): string {
  return `SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR NO KEY UPDATE`;
}

/** Asks the history whether something whose answer was lost was committed. */
export async function wasApplied(sql: Sql, schema: string, { saga, effects }: Applied): Promise<boolean> {
  const [first] = historyRecords(effects, saga.rev);
  const rows = await sql.query(wasAppliedStatement(schema, saga.id, first));
  return rows.length > 0;
}
