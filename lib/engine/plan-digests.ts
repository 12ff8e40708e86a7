import { canonicalJson, type Json } from '../core/json';
import type { Plan } from '../core/plan';
import type { Identity } from '../ports/identity';

const MOST_REMEMBERED = 500;
const LONGEST_REMEMBERED = 65_536;

/** Content addresses of plans. The same few are started again and again, and a canonical form costs more than to see that it is the same. */
export class PlanDigests {
  private readonly known = new Map<string, string>();

  constructor(private readonly identity: Pick<Identity, 'digest'>) {}

  of(plan: Plan): string {
    const text = JSON.stringify(plan);
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const digest = this.identity.digest(canonicalJson(plan as unknown as Json));
    if (this.known.size >= MOST_REMEMBERED) this.known.clear();
    if (text.length <= LONGEST_REMEMBERED) this.known.set(text, digest);
    return digest;
  }
}
