import { SetMetadata } from '@nestjs/common';
import { DEFINITION_METADATA, type SagaDefinitionOptions } from './metadata';

/**
 * Makes a provider class a plan: its `@SagaStep` methods are the steps, in the order in which they are written unless `after` says
 * otherwise, and `@Compensate(step)` undoes a step. Start it with `sagas.start(OrderSaga, input)`.
 *
 * @example
 * @SagaDefinition({ name: 'order_processing' }) @Injectable()
 * class OrderSaga {
 *   declare readonly $input: OrderInput;
 *   @SagaStep('create_order') create(input: OrderInput) { … }
 *   @Compensate('create_order') undo(created: Created | undefined) { … }
 * }
 */
export function SagaDefinition(options: SagaDefinitionOptions): ClassDecorator {
  return SetMetadata(DEFINITION_METADATA as unknown as string, { ...options });
}
