import { SetMetadata } from '@nestjs/common';
import { VERIFY_METADATA, type VerifyOptions } from './metadata';

/**
 * Makes a provider's method the handler that is asked whether an action of unknown outcome took effect, before anything is undone. It
 * is called with the action's input and a `VerifyContext`, and answers with a `VerifyAnswer`. It must not cause the effect itself. In a
 * `@SagaDefinition` class the key is the name of a step.
 *
 * @example
 * @Verify('payment.charge', { retry: { attempts: 5 } })
 * async wasCharged(_input: ChargeInput, ctx: VerifyContext): Promise<VerifyAnswer<Charged>> {
 *   const charge = await this.psp.findByKey(ctx.actionIdempotencyKey);
 *   return charge ? { outcome: 'done', output: charge } : { outcome: 'not-done' };
 * }
 */
export function Verify(key: string, options: VerifyOptions = {}): MethodDecorator {
  return SetMetadata(VERIFY_METADATA as unknown as string, { ...options, key });
}
