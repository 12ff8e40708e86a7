import { keyOf } from '../core/draft';
import { PLAN_FORMAT } from '../core/plan';
import type { Identity } from '../ports/identity';
import type { WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { ChainOffer, Claim, ClaimRequest, ClaimResult } from '../ports/claim';
import type { SagaStore } from '../ports/saga-store';
import type { StepInvoker } from '../ports/step-invoker';
import { toError } from './to-error';

/** How suspicious an operation may be that is claimed, and whether anything runs beside it. */
export type ClaimTerms = Required<Pick<ClaimRequest, 'maxLosses' | 'alone'>>;

/** Asks the store for the operation that a wake-up names, and says what became of it. */
export class Claimer {
  private readonly conditions: readonly string[];

  constructor(
    private readonly store: SagaStore,
    private readonly invoker: Pick<StepInvoker, 'has' | 'declarations'>,
    private readonly observer: SagaObserver,
    private readonly identity: Identity,
    private readonly leaseMs: number,
  ) {
    this.conditions = invoker.declarations.filter(({ direction }) => direction === 'condition').map(({ key }) => key);
  }

  /** Null when nobody can say: the row is still due, and a sweeper will send another wake-up. */
  async claim({ sagaId, operation, key }: WakeUp, terms: ClaimTerms): Promise<ClaimResult | null> {
    if (!this.invoker.has(operation.direction, key)) return null;
    try {
      const result = await this.store.claim({
        sagaId,
        operation,
        claimId: this.identity.newId(),
        worker: this.identity.worker,
        leaseMs: this.leaseMs,
        planFormat: PLAN_FORMAT,
        canVerify: this.invoker.has('verify', key),
        conditions: this.conditions,
        ...terms,
      });
      if (result.kind === 'claimed') this.announce(result.claim);
      else this.observer.notify({ type: 'operation.refused', sagaId, operation, reason: result.reason });
      return result;
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'claim', error: toError(error) });
      return null;
    }
  }

  /** What a worker that goes on says of itself. */
  offer(accepts: ChainOffer['accepts']): ChainOffer {
    const { identity, invoker, leaseMs, conditions } = this;
    return {
      claimId: identity.newId(),
      worker: identity.worker,
      leaseMs,
      conditions,
      accepts: (operation, key) => invoker.has(operation.direction, key) && accepts(operation, key),
    };
  }

  announce({ sagaId, operation, basis }: Claim): void {
    const { step, direction, round, claims, losses } = operation;
    const key = keyOf(basis.plan, operation);
    this.observer.notify({ type: 'operation.claimed', sagaId, operation: { step, direction, round }, key, attempt: claims - losses });
  }
}
