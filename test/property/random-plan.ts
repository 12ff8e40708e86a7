import * as fc from 'fast-check';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from '../../lib/core/plan';
import type { RetryPolicy } from '../../lib/core/retry-policy';

const MOST_STEPS = 7;

const retry: fc.Arbitrary<RetryPolicy> = fc.record({
  attempts: fc.integer({ min: 1, max: 3 }),
  backoff: fc.constantFrom('exponential', 'fixed'),
  baseMs: fc.constantFrom(0, 1_000),
  maxMs: fc.constantFrom(0, 60_000),
  maxElapsedMs: fc.constantFrom(1_000_000, 1_000_000, 2_000),
});

const policyWhere = (transactional: fc.Arbitrary<boolean>): fc.Arbitrary<OperationPolicy> =>
  fc
    .record({
      timeoutMs: fc.constant(60_000),
      retry: fc.option(retry, { freq: 2 }),
      losses: fc.integer({ min: 1, max: 3 }),
      transactional,
    })
    .map(({ transactional: is, ...policy }) => ({ ...policy, ...(is && { transactional: true as const }) }));

const inTransaction = fc.constantFrom(false, false, false, true);
const policies = fc.record({
  actionPolicy: policyWhere(inTransaction),
  undoPolicy: policyWhere(inTransaction),
  verifyPolicy: fc.option(policyWhere(fc.constant(false)), { freq: 3 }),
  isCompensated: fc.constantFrom(true, true, true, false),
  compensateOnFailure: fc.constantFrom(false, false, true),
  /** What it is before a pivot or without one, and what it is beside or after one. */
  kind: fc.constantFrom(undefined, undefined, undefined, undefined, 'retriable' as const, 'optional' as const),
  forwardKind: fc.constantFrom('retriable' as const, 'optional' as const),
  hasCondition: fc.constantFrom(false, false, false, true),
});

/** Which steps wait for which, with every step after those it waits for. */
type Shape = readonly (readonly number[])[];

const chain: fc.Arbitrary<Shape> = fc
  .integer({ min: 1, max: MOST_STEPS })
  .map((length) => Array.from({ length }, (_, place) => (place === 0 ? [] : [place - 1])));

/** What a list with nested arrays gives: each group waits for the whole group before it. */
const groups: fc.Arbitrary<Shape> = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }).map((sizes) => {
  const shape: number[][] = [];
  let before: number[] = [];
  for (const size of sizes) {
    const group = Array.from({ length: size }, (_, place) => shape.length + place);
    const waitsFor = before;
    shape.push(...group.map(() => waitsFor));
    before = group;
  }
  return shape;
});

const graph: fc.Arbitrary<Shape> = fc
  .array(fc.nat({ max: 2 ** MOST_STEPS - 1 }), { minLength: 1, maxLength: MOST_STEPS })
  .map((masks) => masks.map((mask, place) => Array.from({ length: place }, (_, other) => other).filter((other) => mask & (1 << other))));

/** The places of a list need not follow the dependencies, so they are shuffled. */
function shuffled(shape: Shape, keys: readonly number[]): Shape {
  const newPlaces = shape.map((_, place) => place).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
  const placeOf = new Map(newPlaces.map((old, place) => [old, place]));
  return newPlaces.map((old) => (shape[old] ?? []).map((other) => placeOf.get(other) ?? 0).sort((a, b) => a - b));
}

/** All that has settled when the step at `place` starts. */
function waitsFor(shape: Shape, place: number): ReadonlySet<number> {
  return new Set((shape[place] ?? []).flatMap((other) => [other, ...waitsFor(shape, other)]));
}

function patient({ retry: given, ...rest }: OperationPolicy): OperationPolicy {
  const { attempts, backoff, baseMs, maxMs } = given ?? { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 };
  return { ...rest, retry: { attempts, backoff, baseMs, maxMs } };
}

/** Chains, parallel groups and any other graph; steps of every kind, with all sorts of policies. */
export const randomPlan: fc.Arbitrary<Plan> = fc
  .record({
    shape: fc.oneof(chain, groups, graph),
    places: fc.option(fc.array(fc.nat(), { minLength: 9, maxLength: 9 }), { freq: 2 }),
    kinds: fc.array(policies, { minLength: 9, maxLength: 9 }),
    goesOn: fc.boolean(),
    pivot: fc.option(fc.nat(), { freq: 2 }),
    undosAtOnce: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 2, nil: undefined }),
  })
  .map(({ shape, places, kinds, goesOn, pivot, undosAtOnce }) => {
    const waiting = places === null ? shape : shuffled(shape, places);
    const pivotAt = pivot === null ? -1 : pivot % waiting.length;
    const steps = waiting.map((dependsOn, place): PlanStep => {
      const kind = kinds[place];
      if (kind === undefined) throw new RangeError('more steps than policies');
      const {
        isCompensated: asksForUndo,
        compensateOnFailure,
        hasCondition,
        verifyPolicy,
        kind: anyKind,
        forwardKind,
        actionPolicy,
        ...needed
      } = kind;
      const isFree = pivotAt < 0 || waitsFor(waiting, pivotAt).has(place);
      const stepKind = place === pivotAt ? 'pivot' : isFree ? anyKind : forwardKind;
      const isCompensated = asksForUndo && place !== pivotAt && !waitsFor(waiting, place).has(pivotAt);
      const names = { name: `step${place}`, action: `do.${place}`, compensation: isCompensated ? `undo.${place}` : null };
      return {
        ...{ ...names, dependsOn, ...needed, actionPolicy: stepKind === 'retriable' ? patient(actionPolicy) : actionPolicy },
        ...(stepKind !== undefined && { kind: stepKind }),
        ...(compensateOnFailure && { compensateOnFailure }),
        ...(hasCondition && { condition: `needs.${place}` }),
        ...(verifyPolicy !== null && { verifyPolicy }),
      };
    });
    const undoing = { ...(goesOn && { onStuck: 'continue' as const }), ...(undosAtOnce !== undefined && { undosAtOnce }) };
    return { format: PLAN_FORMAT, name: 'random', ...undoing, steps };
  });
