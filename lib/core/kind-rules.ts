import { PATIENCE, STEP_KINDS } from './kinds';
import { quoted } from './names';
import { CANNOT_FAIL, CHILD, MAP, OWN_PREFIX } from './own-actions';
import type { OperationPolicy, PlanStep, StepKind } from './plan';
import { ancestorsOf, descendantsOf } from './plan-graph';
import type { PlainStep } from './step-spec';
import { didYouMean } from './suggestion';

const KINDS = STEP_KINDS.map((kind) => `'${kind}'`).join(', ');

const RUNS_A_SAGA: readonly string[] = [CHILD, MAP];

export function isKind(kind: unknown): kind is StepKind {
  return (STEP_KINDS as readonly unknown[]).includes(kind);
}

/** What is wrong with what one step says of its kind, in words. */
export function kindProblems({ action, kind, compensateOnFailure, retry }: PlainStep): string[] {
  if (kind === undefined) return [];
  if (!isKind(kind)) return [`kind must be one of ${KINDS}, or be left out${didYouMean(String(kind), STEP_KINDS)}, not ${quoted(kind)}`];
  if (RUNS_A_SAGA.includes(action) && kind !== 'optional')
    return [
      `kind can only be 'optional', not '${kind}': a saga that has failed is not started again; let the steps of that saga have kinds of their own`,
    ];
  if (kind === 'pivot' && compensateOnFailure === true) return ['compensateOnFailure has no meaning: a pivot is never undone'];
  if (kind === 'retriable' && retry?.maxElapsedMs !== undefined)
    return ['retry.maxElapsedMs has no meaning: a retriable step is tried until it completes'];
  return [];
}

/**
 * The steps as their kinds make them. When the pivot has completed the saga can only go forward: so whatever may still fail or be undone
 * has to come before it. What breaks that rule is named in `problems`.
 */
export function withKinds(steps: readonly PlanStep[], specs: readonly PlainStep[], problems: string[]): readonly PlanStep[] {
  const pivots = steps.flatMap(({ kind }, place) => (kind === 'pivot' ? [place] : []));
  const [pivot, second] = pivots;
  if (pivot === undefined) return steps.map(patient);
  if (second !== undefined)
    problems.push(`${pivots.map((place) => `"${steps[place]?.name ?? place}"`).join(' and ')} are pivots; a saga has one`);
  const before = ancestorsOf(steps, pivot);
  const after = descendantsOf(steps, pivot);
  return steps.map((step, place) => {
    if (before.has(place)) return patient(step);
    const isAfter = after.has(place);
    const refuse = (problem: string): void => void problems.push(`step "${step.name}": ${problem}`);
    const own = specs[place]?.compensation;
    const isUndone = own != null && !own.startsWith(OWN_PREFIX) && (isAfter || place === pivot);
    if (isUndone)
      refuse(
        `its compensation "${step.compensation ?? ''}" is never run, because nothing is undone ${isAfter ? 'after the pivot' : 'of a pivot'}; remove it`,
      );
    const kind = step.kind ?? (CANNOT_FAIL.includes(step.action) ? 'retriable' : undefined);
    if (kind === undefined) {
      const name = steps[pivot]?.name ?? String(pivot);
      const kinds = RUNS_A_SAGA.includes(step.action) ? 'optional' : 'retriable or optional';
      refuse(`it comes ${isAfter ? 'after' : 'beside'} the pivot "${name}", so it must be ${kinds}, or come before it`);
    }
    return patient({ ...step, ...(kind !== undefined && { kind }), ...(isAfter && { compensation: null }) });
  });
}

/** A retriable step has no last attempt: its policy says how soon it is tried again, and when a person is told. */
function patient(step: PlanStep): PlanStep {
  return step.kind === 'retriable' ? { ...step, actionPolicy: patientPolicy(step.actionPolicy) } : step;
}

function patientPolicy(policy: OperationPolicy): OperationPolicy {
  const { maxElapsedMs: _without, ...retry } = policy.retry ?? PATIENCE;
  return { ...policy, retry };
}
