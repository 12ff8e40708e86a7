import { transition } from '../../core/transition';
import type { ClaimRequest, ClaimResult } from '../../ports/saga-store';
import { claimedStatement, claimStatement, refusedStatement, toClaim, type ClaimRow, type RefusedRow } from './claim.statement';
import type { PlanShelf } from './plan.shelf';
import { retrying } from './retrying';
import { toSaga } from './rows';
import type { Sql } from './sql';

/** Claims: one statement when it succeeds; a refusal is looked into afterwards, for its reason. */
export class SagaClaimer {
  constructor(
    private readonly sql: Sql,
    private readonly schema: string,
    private readonly plans: PlanShelf,
  ) {}

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const row = await retrying((attempt) => this.take(request, attempt > 0));
    if (row === undefined) return this.refusal(request);
    return { kind: 'claimed', claim: toClaim(row, await this.plans.load(this.sql, row.plan_hash), request.claimId) };
  }

  private async take(request: ClaimRequest, again: boolean): Promise<ClaimRow | undefined> {
    if (again) {
      const [mine] = await this.sql.query<ClaimRow>(claimedStatement(this.schema, request));
      if (mine !== undefined) return mine;
    }
    const [row] = await this.sql.query<ClaimRow>(claimStatement(this.schema, request));
    return row;
  }

  /** A saga that could be claimed by now was held by somebody at that moment. */
  private async refusal({ sagaId, operation, claimId, planFormat }: ClaimRequest): Promise<ClaimResult> {
    const [row] = await retrying(() => this.sql.query<RefusedRow>(refusedStatement(this.schema, sagaId, operation)));
    if (row === undefined) return { kind: 'refused', reason: 'missing' };
    if (row.plan_format > planFormat) return { kind: 'refused', reason: 'unknown-plan-format' };
    const plan = await this.plans.load(this.sql, row.plan_hash);
    const saga = toSaga(row, row.is_known ? [row.operation] : [], false);
    const decision = transition(plan, saga, { type: 'claim', operation, claimId, due: row.is_due });
    return { kind: 'refused', reason: decision.kind === 'ignored' ? decision.reason : 'busy' };
  }
}
