import { unknownFieldProblems } from '../core/known-fields';
import { nameProblem, quoted } from '../core/names';
import { undosAtOnceProblem } from '../core/plan';
import { contextRef } from '../core/reference';
import type { PlainStep } from '../core/step-spec';
import { didYouMean } from '../core/suggestion';
import { DEFINITION_FIELDS, type CompensateMetadata, type SagaDefinitionOptions, type StepMetadata } from '../decorators/metadata';
import type { Definition } from './definition';
import { schemaProblem } from './handler-collector';

export interface DefinitionMethods {
  readonly className: string;
  readonly options: SagaDefinitionOptions;
  /** In the order in which they are written. */
  readonly steps: readonly StepMetadata[];
  readonly compensations: readonly CompensateMetadata[];
  /** Steps that have a `@SagaCondition` method. */
  readonly conditions: readonly string[];
}

/** Key of the handler that a method of a definition class becomes. */
export function definitionKey(saga: string, step: string): string {
  return `${saga}.${step}`;
}

/** Turns the methods of a definition class into steps; every problem is added to `problems`. */
export function readDefinition(
  { className, options, steps, compensations, conditions }: DefinitionMethods,
  problems: string[],
): Definition {
  const where = `@SagaDefinition ${className}`;
  const ofName = nameProblem('the name', options.name);
  const ofOptions = [...(ofName === null ? [] : [ofName]), ...unknownFieldProblems(options, DEFINITION_FIELDS)];
  problems.push(...ofOptions.map((problem) => `${where}: ${problem}`));
  if (steps.length === 0) problems.push(`${where}: it has no steps; add @SagaStep('name') to a method`);
  if (options.deadlineMs !== undefined && !(Number.isFinite(options.deadlineMs) && options.deadlineMs > 0))
    problems.push(`${where}: deadlineMs must be above 0`);
  const { onStuck, undosAtOnce } = options;
  if (onStuck !== undefined && !['halt', 'continue'].includes(onStuck)) problems.push(`${where}: onStuck must be 'halt' or 'continue'`);
  const ofUndos = undosAtOnceProblem(undosAtOnce);
  if (ofUndos !== null) problems.push(`${where}: undosAtOnce ${ofUndos}`);
  problems.push(...schemaProblem('schema', options.schema).map((problem) => `${where}: ${problem}`));
  const names = steps.map((step) => step.key);
  for (const { key } of compensations) {
    if (!names.includes(key)) problems.push(`${where}: @Compensate(${quoted(key)}) undoes no step of it${didYouMean(key, names)}`);
  }
  const undone = new Set(compensations.map((compensation) => compensation.key));
  const specs = steps.map((step, place) => {
    const after = step.after ?? names[place - 1] ?? [];
    for (const name of [after].flat()) {
      if (!names.includes(name))
        problems.push(`${where}: step "${step.key}" is to run after ${quoted(name)}, which is not a step of it${didYouMean(name, names)}`);
    }
    if (![undefined, null].includes(step.compensation))
      problems.push(`${where}: step "${step.key}": compensation can only be null; name the undo with @Compensate('${step.key}')`);
    if (step.compensation === null && undone.has(step.key))
      problems.push(`${where}: step "${step.key}" says compensation: null and has a @Compensate method; remove one of them`);
    if (step.use !== undefined && undone.has(step.key))
      problems.push(`${where}: step "${step.key}" borrows "${step.use}", so its compensation is borrowed too; remove @Compensate`);
    if (step.use !== undefined && (step.transactional !== undefined || step.isolation !== undefined))
      problems.push(`${where}: step "${step.key}" borrows "${step.use}", which says itself whether it is transactional`);
    if (step.use !== undefined && step.schema !== undefined)
      problems.push(`${where}: step "${step.key}" borrows "${step.use}", which says itself what it takes; remove "schema"`);
    const hasCondition = conditions.includes(step.key);
    if (hasCondition && step.when !== undefined)
      problems.push(`${where}: step "${step.key}" has "when" and a @SagaCondition method; a step has one condition`);
    const when = hasCondition ? definitionKey(options.name, step.key) : step.when;
    return { ...specOf(options.name, step, [after].flat(), undone.has(step.key)), ...(when !== undefined && { when }) };
  });
  return { name: options.name, deadlineMs: options.deadlineMs, onStuck, undosAtOnce, schema: options.schema, steps: specs };
}

function specOf(saga: string, step: StepMetadata, dependsOn: readonly string[], undone: boolean): PlainStep {
  const common = { name: step.key, dependsOn, input: step.input ?? contextRef() };
  const policy = {
    ...(step.timeoutMs === undefined ? {} : { timeoutMs: step.timeoutMs }),
    ...(step.retry === undefined ? {} : { retry: step.retry }),
    ...(step.kind === undefined ? {} : { kind: step.kind }),
    ...(step.onThrow === undefined ? {} : { onThrow: step.onThrow }),
    ...(step.compensateOnFailure === undefined ? {} : { compensateOnFailure: step.compensateOnFailure }),
  };
  if (step.use !== undefined) return { ...common, ...policy, action: step.use };
  const key = definitionKey(saga, step.key);
  // Left out, and not null: whoever wants nothing undone on purpose says so, and the linter asks all others.
  return { ...common, ...policy, action: key, ...(undone ? { compensation: key } : step.compensation === null && { compensation: null }) };
}
