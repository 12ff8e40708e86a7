import type { ApplicationConfig } from '@nestjs/core';
import type { PlanDefaults } from '../core/plan-compiler';
import type { RetryPolicy } from '../core/retry-policy';
import { didYouMean } from '../core/suggestion';
import type { MethodHandler } from './method-handler';
import type { Discovered } from './saga.explorer';

interface Workers {
  readonly action: number;
  readonly undo: number;
}

/** What was discovered, a line each, for the boot log. */
export function describeDiscovered({ handlers, definitions }: Discovered, defaults: PlanDefaults, workers: Workers): readonly string[] {
  const lines = handlers.map((handler) => describeHandler(handler, defaults));
  for (const { name, steps } of definitions.values()) lines.push(`saga ${name}: ${steps.map((step) => step.name).join(', ')}`);
  return lines.length === 0 && !works(workers) ? ['no @SagaStep or @Compensate method was found: this process only starts sagas'] : lines;
}

/** What was probably meant otherwise, a line each. */
export function warnAboutDiscovered({ handlers }: Discovered, workers: Workers): readonly string[] {
  if (handlers.length === 0 && works(workers)) {
    return [
      'no @SagaStep or @Compensate method was found, so this process only starts sagas: add the classes that have them to the providers of a module, or say so with workers: { steps: 0, compensations: 0 }',
    ];
  }
  const actions = handlers.flatMap(({ declaration: { direction, key } }) => (direction === 'action' ? [key] : []));
  return handlers.flatMap(({ declaration: { key, undoes }, where }) => {
    if (undoes === null || actions.includes(undoes)) return [];
    return `@Compensate('${key}') on ${where} is for '${undoes}', which is no action of this process${didYouMean(undoes, actions)}; ignore this if another service has it`;
  });
}

function works({ action, undo }: Workers): boolean {
  return action + undo > 0;
}

function describeHandler({ declaration, where }: MethodHandler, defaults: PlanDefaults): string {
  const { direction, key, undoes, policy } = declaration;
  if (direction === 'condition') return `${direction.padEnd('compensate'.length)} ${key} -> ${where}`; // it has the policy of its step
  const fallback = defaults[direction];
  const kind = (direction === 'undo' ? 'compensate' : direction).padEnd('compensate'.length);
  const what = undoes === null ? '' : `, undoes ${undoes}`;
  return `${kind} ${key} -> ${where} (${describeRetry(policy.retry ?? fallback.retry)}, timeout ${policy.timeoutMs ?? fallback.timeoutMs} ms${policy.transactional === true ? ', transactional' : ''}${what})`;
}

function describeRetry(retry: RetryPolicy | null): string {
  if (retry === null || retry.attempts === 1) return '1 attempt';
  const delay = retry.backoff === 'fixed' ? Math.min(retry.baseMs, retry.maxMs) : `${retry.baseMs}-${retry.maxMs}`;
  return `${retry.attempts} attempts, ${retry.backoff} ${delay} ms`;
}

/**
 * Enhancers that an application set for all its controllers meet handlers too, and few were written with that in mind: a guard that
 * looks for an HTTP request would fail every step.
 */
export function warnAboutGlobals(application: ApplicationConfig): readonly string[] {
  const guards = namesOf([...application.getGlobalGuards(), ...application.getGlobalRequestGuards()]);
  const filters = namesOf([...application.getGlobalFilters(), ...application.getGlobalRequestFilters()]);
  const rewriters = namesOf([
    ...application.getGlobalInterceptors(),
    ...application.getGlobalRequestInterceptors(),
    ...application.getGlobalPipes(),
    ...application.getGlobalRequestPipes(),
  ]);
  const warnings: string[] = [];
  if (guards.length > 0) {
    warnings.push(
      `global guards run before every saga step and compensation: ${guards.join(', ')}. Let them pass when context.getType() === 'saga', or every step is refused`,
    );
  }
  if (rewriters.length > 0) {
    warnings.push(
      `global interceptors and pipes rewrite inputs and outputs of saga steps: ${rewriters.join(', ')}. Let an interceptor return next.handle() when context.getType() === 'saga', unless that is wanted`,
    );
  }
  if (filters.length > 0) {
    warnings.push(
      `global exception filters do not run on saga steps: ${filters.join(', ')}. What a step throws is its outcome, and a filter that answered instead would make it look completed`,
    );
  }
  return warnings;
}

function namesOf(enhancers: readonly object[]): readonly string[] {
  return enhancers.map((enhancer) => {
    const { name, constructor } = enhancer as { name?: unknown; constructor: { name: string } };
    return typeof name === 'string' ? name : constructor.name;
  });
}
