import { SagaPlanError } from '../errors';
import { catalogOf, type HandlerCatalog } from '../core/handler-declaration';
import { OWN_ACTIONS } from '../core/own-actions';
import { placeSteps, type PlacedStep } from '../core/plan-shape';
import type { StepList } from '../core/step-spec';
import { decoratedMethodsOf, definitionOptionsOf, type Wrapper } from '../discovery/decorated-methods';
import { HandlerCollector, type Host } from '../discovery/handler-collector';
import type { MethodCaller } from '../discovery/method-caller';
import { readHandlers, readSaga } from '../discovery/saga.explorer';

type AnyClass = abstract new (...args: never[]) => unknown;

/** A saga to look at: what `defineSaga()` made, `{ name, steps }`, or a `@SagaDefinition` class. */
export type PlanSource = { readonly name: string; readonly steps: StepList } | AnyClass;

export interface PlanSourceOptions {
  /**
   * Classes with `@SagaStep` and `@Compensate` methods: what their decorators say then counts too, as which undo belongs to which
   * action. Default: only what the plan itself says.
   */
  readonly handlers?: readonly AnyClass[];
}

export interface ReadPlan {
  readonly name: string;
  readonly steps: StepList;
  readonly placed: readonly PlacedStep[];
  readonly catalog: HandlerCatalog;
}

/**
 * Reads a plan from what people wrote, without an application around it.
 *
 * @throws SagaPlanError
 */
export function readPlan(source: PlanSource, { handlers = [] }: PlanSourceOptions = {}): ReadPlan {
  const found = new HandlerCollector(NOBODY_CALLS);
  for (const type of handlers) readClass(type, found);
  const { name, steps } = typeof source === 'function' ? readDefinitionClass(source, found) : source;
  const problems = [...found.problems];
  const placed = placeSteps(name, steps, problems);
  if (problems.length > 0) throw new SagaPlanError(name, problems);
  return { name, steps, placed, catalog: catalogOf([...found.handlers.map(({ declaration }) => declaration), ...OWN_ACTIONS]) };
}

function readClass(type: AnyClass, found: HandlerCollector): void {
  const wrapper = wrapped(type);
  if (definitionOptionsOf(wrapper) !== undefined) readDefinitionClass(type, found);
  else for (const instance of instancesOf(wrapper)) readHandlers(hostOf(type), instance, decoratedMethodsOf(wrapper), found);
}

/** Which engine a handler belongs to does not matter to a plan. */
function instancesOf(wrapper: Wrapper): ReadonlySet<string> {
  const methods = decoratedMethodsOf(wrapper);
  return new Set(methods.flatMap(({ step, compensate, verify }) => [step, compensate, verify].map((of) => of?.instance ?? 'default')));
}

function readDefinitionClass(type: AnyClass, found: HandlerCollector): { readonly name: string; readonly steps: StepList } {
  const wrapper = wrapped(type);
  const options = definitionOptionsOf(wrapper);
  if (options === undefined) throw new SagaPlanError(type.name, ['it has no @SagaDefinition; pass its steps, or what defineSaga() made']);
  return readSaga(hostOf(type), options, decoratedMethodsOf(wrapper), found);
}

/** As Nest's container would hold a class that it has not made an instance of. */
function wrapped(type: AnyClass): Wrapper {
  return { metatype: type, instance: null, name: type.name } as unknown as Wrapper;
}

function hostOf(type: AnyClass): Host {
  return { instance: type, type, className: type.name };
}

/** A plan is only looked at. */
const NOBODY_CALLS = {
  callerOf: () => () => Promise.reject(new TypeError('a plan that is looked at runs nothing')),
} as unknown as MethodCaller;
