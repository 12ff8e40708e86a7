import { SagaInputError } from '../errors';
import type { HandlerPolicy } from './handler-declaration';
import { AWAIT_SIGNAL, OWN_PREFIX } from './own-actions';
import type { LintView } from './lint-view';
import { takeReferences } from './reference';
import type { PlainStep } from './step-spec';
import { didYouMean } from './suggestion';

export type LintCode =
  | 'too-many-steps'
  | 'missing-undo'
  | 'two-pivots'
  | 'retry-without-timeout'
  | 'wait-without-timeout'
  | 'cycle'
  | 'unknown-key'
  | 'duplicate-name'
  | 'context-race'
  | 'unstorable-input';

interface Found {
  readonly step: string | null;
  readonly message: string;
}

export interface LintRule {
  readonly code: LintCode;
  /** What it is worth unless somebody says otherwise. */
  readonly level: 'warn' | 'error';
  readonly find: (view: LintView) => readonly Found[];
}

export const LINT_RULES: readonly LintRule[] = [
  { code: 'too-many-steps', level: 'warn', find: tooManySteps },
  { code: 'duplicate-name', level: 'error', find: duplicateNames },
  { code: 'cycle', level: 'error', find: cycles },
  { code: 'unknown-key', level: 'error', find: unknownKeys },
  { code: 'unstorable-input', level: 'error', find: unstorableInputs },
  { code: 'two-pivots', level: 'error', find: twoPivots },
  { code: 'missing-undo', level: 'warn', find: missingUndos },
  { code: 'retry-without-timeout', level: 'warn', find: retriesWithoutTimeout },
  { code: 'wait-without-timeout', level: 'warn', find: waitsWithoutTimeout },
  { code: 'context-race', level: 'warn', find: contextRaces },
];

function tooManySteps({ steps, maxSteps }: LintView): readonly Found[] {
  if (steps.length <= maxSteps) return [];
  return [
    {
      step: null,
      message: `${steps.length} steps are more than ${maxSteps}: each may leave something to undo; let a part of it be a saga of its own`,
    },
  ];
}

function duplicateNames({ steps }: LintView): readonly Found[] {
  const names = steps.map(({ name }) => name);
  const twice = new Set(names.filter((name, place) => names.indexOf(name) !== place));
  return [...twice].map((step) => ({ step, message: 'more than one step has this name' }));
}

function cycles({ steps, graph }: LintView): readonly Found[] {
  const round = steps.filter(({ name }) => graph.ancestorsOf(name).has(name));
  return round.map(({ name }) => ({ step: name, message: `it waits for itself, by way of ${graph.parents.get(name)?.join(', ') ?? ''}` }));
}

function unknownKeys({ steps, catalog }: LintView): readonly Found[] {
  return steps.filter(isHandled).flatMap(({ name, action, compensation }) => {
    const found: Found[] = [];
    const known = (direction: 'action' | 'undo'): readonly string[] => catalog.keys(direction);
    if (catalog.find('action', action) === undefined)
      found.push({ step: name, message: `nobody has @SagaStep('${action}')${didYouMean(action, known('action'))}` });
    if (compensation != null && catalog.find('undo', compensation) === undefined)
      found.push({ step: name, message: `nobody has @Compensate('${compensation}')${didYouMean(compensation, known('undo'))}` });
    return found;
  });
}

function unstorableInputs({ steps, limits }: LintView): readonly Found[] {
  return steps.flatMap(({ name, input }) => {
    try {
      takeReferences(input ?? null, `input of step "${name}"`, limits);
      return [];
    } catch (error) {
      if (error instanceof SagaInputError) return [{ step: name, message: error.message }];
      throw error;
    }
  });
}

function twoPivots({ steps }: LintView): readonly Found[] {
  const [first, ...others] = steps.filter(({ kind }) => kind === 'pivot');
  return others.map(({ name }) => ({ step: name, message: `a saga has one point of no return, and "${first?.name ?? ''}" is it already` }));
}

/** What comes after the pivot is never undone; before it, and without one, everything may have to be. */
function missingUndos(view: LintView): readonly Found[] {
  const pivot = view.steps.find(({ kind }) => kind === 'pivot');
  const canBeUndone = (step: PlainStep): boolean =>
    isHandled(step) && (pivot === undefined ? step.kind !== 'retriable' : view.graph.ancestorsOf(pivot.name).has(step.name));
  return view.steps.filter(canBeUndone).flatMap(({ name, action, compensation }) => {
    if (compensation !== undefined || view.catalog.undosOf(action).length > 0) return [];
    return [{ step: name, message: `nothing undoes "${action}": add @Compensate(…, { for: '${action}' }), or say compensation: null` }];
  });
}

function retriesWithoutTimeout(view: LintView): readonly Found[] {
  return view.steps.filter(isHandled).flatMap((step) => {
    const { timeoutMs, retry } = policyOf(view, step);
    if (retry === undefined || retry.attempts <= 1 || timeoutMs !== undefined) return [];
    return [
      { step: step.name, message: 'it is retried, and each attempt may hang for the default timeout: give it a timeoutMs of its own' },
    ];
  });
}

function waitsWithoutTimeout({ steps }: LintView): readonly Found[] {
  return steps.flatMap(({ name, action, input }) => {
    if (action !== AWAIT_SIGNAL || (input as { readonly timeoutMs?: unknown } | null)?.timeoutMs != null) return [];
    return [{ step: name, message: 'it waits for a signal for ever if none comes: give it a timeoutMs' }];
  });
}

/** Two steps that may run beside each other and set one name of the context: the later one wins, and which that is changes. */
function contextRaces(view: LintView): readonly Found[] {
  const setters = view.steps.flatMap((step) => (policyOf(view, step).sets ?? []).map((name) => ({ step: step.name, name })));
  const before = (a: string, b: string): boolean => view.graph.ancestorsOf(b).has(a);
  return setters.flatMap(({ step, name }, place) =>
    setters
      .slice(place + 1)
      .filter((other) => other.name === name && other.step !== step && !before(step, other.step) && !before(other.step, step))
      .map((other) => ({ step, message: `it sets "${name}" in the context, and so may "${other.step}" at the same time` })),
  );
}

/** By a handler of an application. */
function isHandled({ action }: PlainStep): boolean {
  return !action.startsWith(OWN_PREFIX);
}

function policyOf({ catalog }: LintView, step: PlainStep): HandlerPolicy {
  const handler = catalog.find('action', step.action)?.policy ?? {};
  return {
    ...handler,
    ...(step.timeoutMs !== undefined && { timeoutMs: step.timeoutMs }),
    ...(step.retry !== undefined && { retry: step.retry as NonNullable<HandlerPolicy['retry']> }),
  };
}
