import { fold, type Folded } from '../../core/fold';
import type { SagaEvent } from '../../core/event';
import type { Basis } from '../../ports/claim';
import type { ApplyRequest, Decide } from '../../ports/report';
import type { Applied, MoveWriter } from './apply.attempt';
import { MOST_BYTES } from './commit.batcher';
import { isConnectionLost } from './database.error';
import { encoded, type EncodedMove } from './move';
import { Parcel } from './parcel';
import type { PlanShelf } from './plan.shelf';
import { readParts } from './read.statement';
import type { Sql } from './sql';

type OfOperation = Extract<SagaEvent, { readonly operation: unknown }>;
type Foldable = ApplyRequest & { readonly event: OfOperation };

/** Taking a lease has a condition of its own, which the others must not be held to. */
const BY_THEMSELVES: readonly SagaEvent['type'][] = ['lease-expired', 'claim'];

interface Together {
  readonly decisions: Folded['decisions'];
  readonly move: Parcel<EncodedMove>;
}

/** Events of one saga on their way together: decided one after the other from one read, and written as one. */
export class FoldedAttempt {
  private readonly requests: readonly Foldable[];
  private intended: readonly Applied[] = [];
  private answerWasLost = false;

  /** @param requests all of one saga; those that come after the first which is no part of this are left to others */
  constructor(
    private readonly schema: string,
    private readonly plans: PlanShelf,
    requests: readonly ApplyRequest[],
    private readonly decide: Decide,
  ) {
    const end = requests.findIndex((request) => !isFoldable(request));
    this.requests = (end === -1 ? requests : requests.slice(0, end)) as readonly Foldable[];
  }

  /** What the first of them have come to; none of them when it takes more than to fold them. */
  async once(sql: Sql, write: MoveWriter): Promise<readonly Applied[] | 'refused'> {
    const [first, ...others] = this.requests;
    if (first === undefined || others.length === 0) return [];
    const { sagaId, resendMs } = first;
    const events = this.requests.map(({ event }) => event);
    const operations = events.map(({ operation }) => operation);
    const basis = await readParts(sql, this.schema, this.plans, sagaId, operations);
    if (basis === undefined) return [];
    const folded = this.folded(basis, events, resendMs);
    if (folded === null) return [];
    this.intended = folded.decisions.map((decision) => ({ plan: basis.plan, ...decision, kind: 'applied' }));
    const row = await this.sent(write(folded.move));
    return row === undefined ? 'refused' : this.intended;
  }

  /** As many of the first as one statement may carry; null when those are fewer than two. */
  private folded({ plan, saga: before }: Basis, events: readonly SagaEvent[], resendMs: number): Together | null {
    const { saga: after, effects, decisions } = fold(plan, before, events, this.decide);
    if (decisions.length < 2) return null;
    const move = new Parcel(before.id, () => encoded({ plan, before, after, effects, resendMs, leaseGraceMs: null }));
    if (move.bytes <= MOST_BYTES) return { decisions, move };
    return this.folded({ plan, saga: before }, events.slice(0, Math.floor(decisions.length / 2)), resendMs);
  }

  /** What was to be written of each of the first when the last answer was lost. */
  get unanswered(): readonly Applied[] {
    return this.answerWasLost ? this.intended : [];
  }

  private async sent<T>(written: Promise<T>): Promise<T> {
    try {
      return await written;
    } catch (error) {
      this.answerWasLost = isConnectionLost(error);
      throw error;
    }
  }
}

function isFoldable(request: ApplyRequest): request is Foldable {
  return 'operation' in request.event && !BY_THEMSELVES.includes(request.event.type);
}
