import { setTimeout as pause } from 'node:timers/promises';
import { operationKey } from '../../core/operation';
import { transition } from '../../core/transition';
import type { ClaimRequest, ClaimResult } from '../../ports/claim';
import { claimedStatement, claimStatement, refusedStatement, toClaim, type ClaimRow, type RefusedRow } from './claim.statement';
import { bisecting, CommitBatcher, type Answer } from './commit.batcher';
import { isTransient, sqlStateOf } from './database.error';
import type { EnginePool } from './engine.pool';
import { Lane } from './lane';
import type { PlanShelf } from './plan.shelf';
import { retrying } from './retrying';
import { toSaga } from './rows';
import { SharedTurns, type Waiting } from './shared-turns';
import type { Sql } from './sql';
import type { Turns } from './turns';

/** Somebody else had the saga's row: the pauses before it is tried again, and then the slow lane. */
const PAUSES_MS: readonly number[] = [3, 10, 30];

/**
 * Claims: one statement when it succeeds; a refusal is looked into afterwards, for its reason. Branches of one saga meet at its row,
 * and a claim that gave up there would wait for a sweeper.
 */
export class SagaClaimer {
  private readonly slowLane = new Lane();
  private readonly turns: SharedTurns<ClaimRequest, ClaimResult>;
  /** What is of one saga is one member: two commits at once would meet at its row. */
  private readonly batcher: CommitBatcher<readonly ClaimRequest[], readonly (ClaimRow | undefined)[]>;

  constructor(
    private readonly sql: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    turns: Turns,
    batchSize: number,
  ) {
    this.turns = new SharedTurns(turns, (together) => this.claimAll(together));
    this.batcher = new CommitBatcher((requests) => this.commit(requests), batchSize);
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.turns.take(request.sagaId, request);
  }

  /** Of one saga. What is not claimed with the others is looked into, and tried by itself if it could be claimed all the same. */
  private async claimAll(together: readonly Waiting<ClaimRequest, ClaimResult>[]): Promise<void> {
    const first = firstOfEach(together);
    const rows = first.length < 2 ? [] : await this.takeTogether(first.map(({ member }) => member)).catch(() => null);
    const answered = new Set<Waiting<ClaimRequest, ClaimResult>>();
    for (const [place, waiting] of first.entries()) {
      const row = rows?.[place];
      if (row === undefined) continue;
      answered.add(waiting);
      await this.claimed(row, waiting.member).then(waiting.resolve, waiting.reject);
    }
    const left = together.filter((waiting) => !answered.has(waiting));
    if (rows !== null && rows.length > 0)
      await Promise.all(left.map(async (waiting) => (await this.isRefused(waiting)) && answered.add(waiting)));
    for (const waiting of left) {
      // An answer that never came may have been a good one.
      if (!answered.has(waiting)) await this.claimAlone(waiting.member, rows === null).then(waiting.resolve, waiting.reject);
    }
  }

  /** Undefined is what could not be claimed; nothing at all: the saga is held by somebody, or moves on under another process. */
  private async takeTogether(requests: readonly ClaimRequest[]): Promise<readonly (ClaimRow | undefined)[]> {
    for (const pauseMs of PAUSES_MS) {
      const rows = await this.batcher.run(requests);
      if (rows.some((row) => row !== undefined)) return rows;
      const refused = await this.refusal(requests[0] as ClaimRequest);
      if (refused.kind === 'refused' && refused.reason !== 'busy') return rows;
      await pause(pauseMs * (1 + Math.random()));
    }
    return [];
  }

  /** Whether it could not be claimed at all, and was told why. */
  private async isRefused({ member, resolve }: Waiting<ClaimRequest, ClaimResult>): Promise<boolean> {
    const refused = await this.refusal(member).catch(() => null);
    if (refused?.kind !== 'refused' || refused.reason === 'busy') return false;
    resolve(refused);
    return true;
  }

  private async claimAlone(request: ClaimRequest, again: boolean): Promise<ClaimResult> {
    for (const pauseMs of [0, ...PAUSES_MS]) {
      if (pauseMs > 0) await pause(pauseMs * (1 + Math.random()));
      const row = await retrying((attempt) => this.takeSoon(request, again || attempt > 0));
      if (row !== undefined) return this.claimed(row, request);
      const refused = await this.refusal(request);
      if (refused.kind === 'refused' && refused.reason !== 'busy') return refused;
    }
    const row = await this.slowLane.run(() => retrying((attempt) => this.underLock(request, again || attempt > 0)));
    return row === undefined ? this.refusal(request) : this.claimed(row, request);
  }

  /** After an answer that was lost it may have been taken already. */
  private async takeSoon(request: ClaimRequest, again: boolean): Promise<ClaimRow | undefined> {
    return again ? this.take(this.sql, request, true) : (await this.batcher.run([request]))[0];
  }

  private commit(sagas: readonly (readonly ClaimRequest[])[]): Promise<readonly Answer<readonly (ClaimRow | undefined)[]>[]> {
    return bisecting(sagas, (some) => this.takeAll(some), isTransient);
  }

  private async takeAll(sagas: readonly (readonly ClaimRequest[])[]): Promise<readonly (readonly (ClaimRow | undefined)[])[]> {
    const rows = await this.sql.query<ClaimRow>(claimStatement(this.schema, sagas.flat()));
    const byClaim = new Map(rows.map((row) => [row.claim_id, row]));
    return sagas.map((requests) => requests.map(({ claimId }) => byClaim.get(claimId)));
  }

  /** It is taken already: a plan that cannot be read at this moment is asked for again, or nobody would run it until its lease is over. */
  private async claimed(row: ClaimRow, request: ClaimRequest): Promise<ClaimResult> {
    const plan = await retrying(() => this.plans.load(this.sql, row.plan_hash));
    return { kind: 'claimed', claim: toClaim(row, plan, request.claimId) };
  }

  /** Waits for whoever holds the saga. */
  private async underLock(request: ClaimRequest, again: boolean): Promise<ClaimRow | undefined> {
    try {
      return await this.sql.transaction(async (sql) => {
        await sql.query({ text: `SELECT 1 FROM "${this.schema}".sagas WHERE id = $1 FOR NO KEY UPDATE`, values: [request.sagaId] });
        return this.take(sql, request, again);
      });
    } catch (error) {
      if (sqlStateOf(error) === '55P03') return undefined;
      throw error;
    }
  }

  private async take(sql: Sql, request: ClaimRequest, again: boolean): Promise<ClaimRow | undefined> {
    if (again) {
      const [mine] = await sql.query<ClaimRow>(claimedStatement(this.schema, request));
      if (mine !== undefined) return mine;
    }
    const [row] = await sql.query<ClaimRow>(claimStatement(this.schema, [request]));
    return row;
  }

  /** A saga that could be claimed by now was held by somebody at that moment. */
  private async refusal(request: ClaimRequest): Promise<ClaimResult> {
    const { sagaId, operation, claimId, planFormat, canVerify = true, maxLosses = Infinity, alone = false, conditions } = request;
    const [row] = await retrying(() => this.sql.query<RefusedRow>(refusedStatement(this.schema, sagaId, operation)));
    if (row === undefined) return { kind: 'refused', reason: 'missing' };
    if (row.plan_format > planFormat) return { kind: 'refused', reason: 'unknown-plan-format' };
    const plan = await this.plans.load(this.sql, row.plan_hash);
    const saga = toSaga(row, row.is_known ? [row.operation] : [], false);
    const seen = { due: row.is_due, pastDeadline: row.is_past_deadline, actionPaused: row.is_action_paused };
    const able = { canVerify, ...(conditions !== undefined && { conditions }) };
    const decision = transition(plan, saga, { type: 'claim', operation, claimId, ...seen, ...able, maxLosses, alone });
    return { kind: 'refused', reason: decision.kind === 'ignored' ? decision.reason : 'busy' };
  }
}

/** Two that want the same operation cannot be one statement. */
function firstOfEach<T>(together: readonly Waiting<ClaimRequest, T>[]): readonly Waiting<ClaimRequest, T>[] {
  const first = new Map<string, Waiting<ClaimRequest, T>>();
  for (const waiting of together) {
    const key = operationKey(waiting.member.operation);
    if (!first.has(key)) first.set(key, waiting);
  }
  return [...first.values()];
}
