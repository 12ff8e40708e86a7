import { SetMetadata } from '@nestjs/common';
import { STEP_METADATA, type SagaStepOptions } from './metadata';

/**
 * Makes a provider's method the handler of an action. It is called with the step's input and a `StepContext`, and what it returns is
 * the step's output. In a `@SagaDefinition` class the key is the name of a step.
 *
 * @example
 * @SagaStep('payment.charge', { timeoutMs: 30_000, retry: { attempts: 5 } })
 * charge(input: ChargeInput, ctx: StepContext) { return this.psp.charge(input, { idempotencyKey: ctx.idempotencyKey, signal: ctx.signal }); }
 */
export function SagaStep(key: string, options: SagaStepOptions = {}): MethodDecorator {
  return SetMetadata(STEP_METADATA as unknown as string, { ...options, key });
}
