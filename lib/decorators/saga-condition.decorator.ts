import { SetMetadata } from '@nestjs/common';
import { CONDITION_METADATA, type ConditionOptions } from './metadata';

/**
 * Makes a provider's method the condition of steps that say `when: key`. It is called with the step's input and a `ConditionContext` before
 * the handler is, until it has answered once: `true`, `false`, or `{ run, reason }`. A step whose answer was no is skipped, and the saga goes
 * on. What it throws is a failed attempt of the step. It must not cause an effect. In a `@SagaDefinition` class the key is the name of a step.
 *
 * @example
 * @SagaCondition('payment.required')
 * async isRequired(order: Order) { return { run: order.amount > (await this.credit.of(order.customer)), reason: 'covered by credit' }; }
 */
export function SagaCondition(key: string, options: ConditionOptions = {}): MethodDecorator {
  return SetMetadata(CONDITION_METADATA as unknown as string, { ...options, key });
}
