import type { ApplicationConfig } from '@nestjs/core';
import type { PlanDefaults } from '../core/plan-compiler';
import type { RetryPolicy } from '../core/retry-policy';
import type { MethodHandler } from './method-handler';
import type { Discovered } from './saga.explorer';

/** What was discovered, a line each, for the boot log. */
export function describeDiscovered({ handlers, definitions }: Discovered, defaults: PlanDefaults): readonly string[] {
  const lines = handlers.map((handler) => describeHandler(handler, defaults));
  for (const { name, steps } of definitions.values()) lines.push(`saga ${name}: ${steps.map((step) => step.name).join(', ')}`);
  return lines.length === 0 ? ['no @SagaStep or @Compensate method was found: this process only starts sagas'] : lines;
}

function describeHandler({ declaration, where }: MethodHandler, defaults: PlanDefaults): string {
  const { direction, key, undoes, policy } = declaration;
  const fallback = direction === 'action' ? defaults.action : defaults.undo;
  const kind = direction === 'action' ? 'action    ' : 'compensate';
  const what = undoes === null ? '' : `, undoes ${undoes}`;
  return `${kind} ${key} -> ${where} (${describeRetry(policy.retry ?? fallback.retry)}, timeout ${policy.timeoutMs ?? fallback.timeoutMs} ms${what})`;
}

function describeRetry(retry: RetryPolicy | null): string {
  if (retry === null || retry.attempts === 1) return '1 attempt';
  return `${retry.attempts} attempts, ${retry.backoff} ${retry.baseMs}-${retry.maxMs} ms`;
}

/**
 * Enhancers that an application set for all its controllers meet handlers too, and few were written with that in mind: a guard that
 * looks for an HTTP request would fail every step.
 */
export function warnAboutGlobals(application: ApplicationConfig): readonly string[] {
  const guards = namesOf([...application.getGlobalGuards(), ...application.getGlobalRequestGuards()]);
  const filters = namesOf([...application.getGlobalFilters(), ...application.getGlobalRequestFilters()]);
  const warnings: string[] = [];
  if (guards.length > 0) {
    warnings.push(
      `global guards run before every saga step and compensation: ${guards.join(', ')}. Let them pass when context.getType() === 'saga', or every step is refused`,
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
