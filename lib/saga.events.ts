import { Injectable } from '@nestjs/common';
import type { PublishedEvent } from './engine/event-writer';
import type { PublishOptions } from './engine/publish-options';
import { SagaRuntime } from './saga.runtime';

/**
 * Publishes the application's own events through the outbox: what is published inside a transaction is announced if and only if
 * that transaction commits. At least once, always under the same message id. Safe to use from `onApplicationBootstrap` on.
 *
 * @example
 * await dataSource.transaction(async (manager) => {
 *   await manager.save(order);
 *   await events.publish('order.placed', { orderId: order.id }, { key: order.id, manager });
 * });
 */
@Injectable()
export class SagaEvents {
  constructor(private readonly runtime: SagaRuntime) {}

  /**
   * Stores an event, to be announced by any process with this engine. Without `manager` it is committed when this returns. Events
   * of one process are announced in the order of their commits as far as that can be done: a failure, another process or an open
   * transaction may change it.
   *
   * @throws SagaInputError when the type, the payload or an option cannot be stored
   * @throws SagaManagerError when `manager` has no open transaction on the engine's database
   */
  async publish(type: string, payload: unknown, options: PublishOptions = {}): Promise<PublishedEvent> {
    return (await this.runtime.engine()).publish(type, payload, options);
  }
}
