import { SetMetadata } from '@nestjs/common';
import type { ActionKey } from '../core/saga-actions';
import type { DecoratorOf, UndoMethod } from '../core/typed-handlers';
import { COMPENSATE_METADATA, type CompensateOptions } from './metadata';

/**
 * Makes a provider's method the handler of a compensation. It is called with what the action returned (`undefined` when nobody knows
 * whether it took effect) and a `CompensationContext`. In a `@SagaDefinition` class the key is the name of the step it undoes.
 *
 * @example
 * @Compensate('payment.refund', { for: 'payment.charge' })
 * refund(charged: Charged | undefined, ctx: CompensationContext) { return this.psp.refund(ctx.actionIdempotencyKey, { idempotencyKey: ctx.idempotencyKey }); }
 */
export function Compensate<const For extends ActionKey = ActionKey>(
  key: string,
  options: CompensateOptions & { readonly for?: For } = {},
): DecoratorOf<UndoMethod<For>> {
  return SetMetadata(COMPENSATE_METADATA as unknown as string, { ...options, key });
}
