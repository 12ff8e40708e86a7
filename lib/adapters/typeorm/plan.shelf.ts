import { SagaInvariantError } from '../../errors';
import type { Plan } from '../../core/plan';
import type { Sql } from './sql';

/**
 * Plans by their content address. They never change, so the newest few are kept; what is kept is frozen, because every claim
 * hands out the same one.
 */
export class PlanShelf {
  private readonly plans = new Map<string, Plan>();

  constructor(
    private readonly schema: string,
    private readonly size = 500,
  ) {}

  has(hash: string): boolean {
    return this.plans.has(hash);
  }

  /** One that it has not. In a statement of its own: inside the start, two processes with one new plan would wait for each other. */
  async keep(sql: Sql, hash: string, plan: Plan): Promise<void> {
    const body = JSON.stringify(plan);
    await sql.query({
      text: `INSERT INTO "${this.schema}".plans (hash, format, body) VALUES ($1, $2, $3::jsonb) ON CONFLICT (hash) DO NOTHING`,
      values: [hash, plan.format, body],
    });
    this.remember(hash, JSON.parse(body) as Plan);
  }

  async load(sql: Sql, hash: string): Promise<Plan> {
    const known = this.plans.get(hash);
    if (known !== undefined) return this.remember(hash, known);
    const [row] = await sql.query<{ readonly body: Plan }>({
      text: `SELECT body FROM "${this.schema}".plans WHERE hash = $1`,
      values: [hash],
    });
    if (row === undefined) throw new SagaInvariantError(`schema "${this.schema}" has a saga whose plan ${hash} is missing`);
    return this.remember(hash, row.body);
  }

  private remember(hash: string, plan: Plan): Plan {
    const frozen = deepFreeze(plan);
    this.plans.delete(hash);
    this.plans.set(hash, frozen);
    const oldest = this.plans.keys().next();
    if (this.plans.size > this.size && oldest.done !== true) this.plans.delete(oldest.value);
    return frozen;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
