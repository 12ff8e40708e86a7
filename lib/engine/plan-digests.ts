import { canonicalJson, type Json } from '../core/json';
import type { Plan } from '../core/plan';
import type { Identity } from '../ports/identity';

const MOST_REMEMBERED = 500;
const LONGEST_REMEMBERED = 65_536;

export interface AddressedPlan {
  /** One for all sagas of equal plans: those that run need not each keep their own. */
  readonly plan: Plan;
  /** Its content address. */
  readonly planHash: string;
}

/** Content addresses of plans. The same few are started again and again, and a canonical form costs more than to see that it is the same. */
export class PlanDigests {
  private readonly known = new Map<string, AddressedPlan>();

  constructor(private readonly identity: Pick<Identity, 'digest'>) {}

  of(plan: Plan): AddressedPlan {
    const text = JSON.stringify(plan);
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const addressed = { plan, planHash: this.identity.digest(canonicalJson(plan as unknown as Json)) };
    if (this.known.size >= MOST_REMEMBERED) this.known.clear();
    if (text.length <= LONGEST_REMEMBERED) this.known.set(text, addressed);
    return addressed;
  }
}
