import { SetMetadata } from '@nestjs/common';
import type { ActionKey } from '../core/saga-actions';
import type { ActionMethod, DecoratorOf } from '../core/typed-handlers';
import { STEP_METADATA, type SagaStepOptions } from './metadata';

/**
 * Makes a provider's method the handler of an action. It is called with the step's input and a `StepContext`, and what it returns is
 * the step's output. In a `@SagaDefinition` class the key is the name of a step.
 *
 * @example
 * @SagaStep('payment.charge', { timeoutMs: 30_000, retry: { attempts: 5 } })
 * charge(input: ChargeInput, ctx: StepContext) { return this.psp.charge(input, { idempotencyKey: ctx.idempotencyKey, signal: ctx.signal }); }
 */
export function SagaStep<const K extends ActionKey>(key: K, options: SagaStepOptions = {}): DecoratorOf<ActionMethod<K>> {
  return SetMetadata(STEP_METADATA as unknown as string, { ...options, key });
}
