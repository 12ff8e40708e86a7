import type { Condition } from './condition';
import type { RetryPolicy } from './retry-policy';

/** The format this version writes. A process that does not know a plan's format leaves its operations to others. */
export const PLAN_FORMAT = 1;

/** Undos of one saga that run beside each other, unless the plan says otherwise. */
export const UNDOS_AT_ONCE = 10;
const MOST_UNDOS_AT_ONCE = 1_000;

/** What is wrong with a number of undos at once, or null. */
export function undosAtOnceProblem(given: unknown): string | null {
  const isRight = typeof given === 'number' && Number.isInteger(given) && given >= 1 && given <= MOST_UNDOS_AT_ONCE;
  return given === undefined || isRight ? null : `must be a whole number from 1 to ${MOST_UNDOS_AT_ONCE.toLocaleString('en')}`;
}

/** The steps of one saga as plain data. Structure only: inputs live in rows of their own, so equal plans are stored once. */
export interface Plan {
  readonly format: number;
  readonly name: string;
  /** What becomes of the other undos when one is given up: none begins any more (left out), or those that it was not built on go on. */
  readonly onStuck?: 'continue';
  /** At most this many undos at a time. Left out: `UNDOS_AT_ONCE`. */
  readonly undosAtOnce?: number;
  readonly steps: readonly PlanStep[];
}

export interface PlanStep {
  readonly name: string;
  /** Key of the forward handler. */
  readonly action: string;
  /** Key of the undo handler; null when there is nothing to undo, on purpose. */
  readonly compensation: string | null;
  /** Places in `steps` that must have settled before this one starts. */
  readonly dependsOn: readonly number[];
  /**
   * `pivot`: when it has completed there is no way back. `retriable`: it is tried until it completes. `optional`: the saga goes on when it
   * fails. Left out: it can be undone.
   */
  readonly kind?: StepKind;
  /** It is skipped unless this holds. */
  readonly when?: Condition;
  /** Key of the `@SagaCondition` that says whether it is skipped. */
  readonly condition?: string;
  /** The saga that this step runs. */
  readonly child?: Plan;
  /** It is undone also when it failed by its own word. */
  readonly compensateOnFailure?: true;
  readonly actionPolicy: OperationPolicy;
  readonly undoPolicy: OperationPolicy;
  /** Of the handler that is asked whether an action of unknown outcome took effect, if there is one. */
  readonly verifyPolicy?: OperationPolicy;
}

export interface OperationPolicy {
  /** One attempt may take this long; then its signal aborts. */
  readonly timeoutMs: number;
  /** null: one attempt, unless the handler itself says `retryable: true`. */
  readonly retry: RetryPolicy | null;
  /** Attempts that may be lost with their process before the outcome is settled as unknown. */
  readonly losses: number;
  /** The handler runs in a database transaction that commits with its outcome: it is never unknown. */
  readonly transactional?: true;
  /** Of that transaction. Left out: READ COMMITTED. */
  readonly isolation?: Isolation;
  /** What an error means that says nothing about the effect. Left out: that there was none. */
  readonly onThrow?: 'unknown';
}

export type StepKind = 'pivot' | 'retriable' | 'optional';

export type Isolation = 'REPEATABLE READ' | 'SERIALIZABLE';

/** The steps that wait for this one, by their places. */
export function dependentsOf(plan: Plan, step: number): readonly number[] {
  return allDependents(plan)[step] ?? [];
}

const known = new WeakMap<Plan, readonly (readonly number[])[]>();

/** Plans never change, and asking one for each step again would make ten thousand steps a hundred million looks. */
function allDependents(plan: Plan): readonly (readonly number[])[] {
  const before = known.get(plan);
  if (before !== undefined) return before;
  const dependents: number[][] = plan.steps.map(() => []);
  plan.steps.forEach((step, place) => {
    for (const other of step.dependsOn) dependents[other]?.push(place);
  });
  known.set(plan, dependents);
  return dependents;
}

/** The same for all steps at once: asking for each again would make ten thousand steps a hundred million looks. */
export function dependentsByStep(plan: Plan): ReadonlyMap<number, readonly number[]> {
  const dependents = new Map<number, number[]>();
  plan.steps.forEach((step, place) => {
    for (const other of step.dependsOn) {
      const known = dependents.get(other);
      if (known === undefined) dependents.set(other, [place]);
      else known.push(place);
    }
  });
  return dependents;
}
