import { setTimeout as pause } from 'node:timers/promises';
import { SagaInvariantError } from '../../errors';
import type { ApplyRequest, ApplyResult, Decide } from '../../ports/report';
import { ApplyAttempt, type Applied, type Outcome } from './apply.attempt';
import { applyStatement, type AppliedRow } from './apply.statement';
import { bisecting, CommitBatcher, type Answer } from './commit.batcher';
import { hasMissedRow, isConnectionLost, isTransient, redacted } from './database.error';
import type { EnginePool } from './engine.pool';
import { Lane } from './lane';
import { FoldedAttempt } from './folded.attempt';
import type { EncodedMove } from './move';
import type { Parcel } from './parcel';
import type { PlanShelf } from './plan.shelf';
import { retrying } from './retrying';
import { SharedTurns, type Waiting } from './shared-turns';
import type { Turns } from './turns';

const FAST_TRIES = 3;
const MOST_TROUBLES = 5;

interface Ask {
  readonly request: ApplyRequest;
  readonly decide: Decide;
}

/**
 * Decide, then apply as one autocommit statement: no lock is held while JavaScript runs. A saga that moved on meanwhile is read
 * and decided again; one that keeps moving, or whose row is held by somebody else, is decided under its lock in the slow lane.
 *
 * ```
 * basis ──► decide ──► moved ──► statement ──► applied
 *   ▲          └─► need, or ignored from a given basis: read, decide again
 *   └────────── refused (rev moved, row held or missed): read, three times ──► slow lane
 * ```
 */
export class SagaApplier {
  private readonly slowLane = new Lane();
  private readonly batcher: CommitBatcher<Parcel<EncodedMove>, AppliedRow | undefined>;
  private readonly turns: SharedTurns<Ask, ApplyResult>;

  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    turns: Turns,
    batchSize: number,
  ) {
    this.turns = new SharedTurns(turns, (together) => this.applyAll(together));
    this.batcher = new CommitBatcher(
      (moves) => this.commit(moves),
      batchSize,
      ({ bytes }) => bytes,
    );
  }

  apply(requests: readonly ApplyRequest[], decide: Decide): Promise<readonly ApplyResult[]> {
    const [only, ...others] = requests;
    if (only !== undefined && others.length === 0)
      return this.turns.take(only.sagaId, { request: only, decide }).then((result) => [result]);
    return Promise.all(requests.map((request) => this.turns.take(request.sagaId, { request, decide })));
  }

  private applyAll(together: readonly Waiting<Ask, ApplyResult>[]): Promise<void> {
    const [only, ...others] = together;
    return only !== undefined && others.length === 0 ? this.applyOne(only.member).then(only.resolve) : this.applyMany(together);
  }

  /** Events of one saga in the order in which they came; as many as possible as one. */
  private async applyMany(together: readonly Waiting<Ask, ApplyResult>[]): Promise<void> {
    for (let done = 0; done < together.length; done++) {
      const rest = together.slice(done);
      if (rest.length > 1) done += await this.applyTogether(rest);
      const next = together[done];
      if (next !== undefined) next.resolve(await this.applyOne(next.member));
    }
  }

  /** Answers the first of them, and says how many. Where that does not work each goes by itself: who is to blame fails alone. */
  private async applyTogether(together: readonly Waiting<Ask, ApplyResult>[]): Promise<number> {
    const requests = together.map(({ member }) => member.request);
    const attempt = new FoldedAttempt(this.schema, this.plans, requests, (together[0] as Waiting<Ask, ApplyResult>).member.decide);
    try {
      for (let refusals = 0; refusals < FAST_TRIES; refusals++) {
        const outcome = await attempt.once(this.pool, (move) => this.batcher.run(move));
        if (outcome === 'refused') continue;
        outcome.forEach((result, place) => together[place]?.resolve(result));
        return outcome.length;
      }
      return 0;
    } catch {
      for (const [place, { member, resolve }] of together.entries()) resolve(await this.applyOne(member, attempt.unanswered[place]));
      return together.length;
    }
  }

  /** @param unanswered what may have been written of it already */
  private applyOne({ request, decide }: Ask, unanswered?: Applied): Promise<ApplyResult> {
    const attempt = new ApplyAttempt(this.schema, this.plans, request, decide);
    if (unanswered !== undefined) attempt.isUnanswered(unanswered);
    return this.run(attempt, request).catch((error: unknown) => ({ kind: 'failed', error: redacted(error) }));
  }

  private async run(attempt: ApplyAttempt, { event }: ApplyRequest): Promise<ApplyResult> {
    if (event.type === 'claim') throw new SagaInvariantError('a claim goes through claim(), which sets its lease');
    let refusals = 0;
    for (let troubles = 0; refusals < FAST_TRIES;) {
      try {
        const outcome = await attempt.once(this.pool, (move) => this.batcher.run(move));
        if (outcome.kind === 'refused') refusals++;
        else if (outcome.kind !== 'need') return outcome;
      } catch (error) {
        if (hasMissedRow(error)) refusals++;
        else if (!isTransient(error) || ++troubles > MOST_TROUBLES) throw error;
        else await pause(10 * 2 ** troubles);
      }
    }
    // The lock of a saga does not keep heartbeats away from its operations.
    const isPassing = (error: unknown): boolean => isTransient(error) || hasMissedRow(error);
    return this.slowLane.run(() => retrying(() => this.underLock(attempt), isPassing));
  }

  /** Every member is of another saga: those of one saga take turns. */
  private commit(moves: readonly Parcel<EncodedMove>[]): Promise<readonly Answer<AppliedRow | undefined>[]> {
    return bisecting(moves, (some) => this.write(some), isTransient);
  }

  private async write(moves: readonly Parcel<EncodedMove>[]): Promise<readonly (AppliedRow | undefined)[]> {
    const rows = await this.pool.query<AppliedRow>(
      applyStatement(
        this.schema,
        moves.map((move) => move.open()),
      ),
    );
    const applied = new Map(rows.map((row) => [row.id, row]));
    return moves.map(({ sagaId }) => applied.get(sagaId));
  }

  private async underLock(attempt: ApplyAttempt): Promise<ApplyResult> {
    let outcome: Outcome | null = null;
    try {
      return await this.pool.transaction(async (sql) => (outcome = await attempt.underLock(sql)));
    } catch (error) {
      const reached = outcome as Outcome | null;
      // The renewed lease has failed the statement and with it the transaction, which had nothing else to do.
      if (reached?.kind === 'ignored') return reached;
      if (reached?.kind === 'applied' && isConnectionLost(error)) attempt.isUnanswered(reached);
      throw error;
    }
  }
}
