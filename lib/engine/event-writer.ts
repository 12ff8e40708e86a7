import { toJson, type JsonLimits } from '../core/json';
import type { Identity } from '../ports/identity';
import type { SagaStore } from '../ports/saga-store';
import { eventTypeOf, publishOptionsOf, type PublishOptions } from './publish-options';

export interface PublishedEvent {
  /** The message id of every announcement of this event. */
  readonly id: string;
}

/** Stores an event that is known to be right, and tells the relay of it once it is committed. */
export class EventWriter {
  constructor(
    private readonly store: SagaStore,
    private readonly identity: Identity,
    private readonly limits: JsonLimits,
    private readonly onCommitted: () => void,
  ) {}

  async write(type: string, payload: unknown, options: PublishOptions): Promise<PublishedEvent> {
    const checkedType = eventTypeOf(type);
    const { manager, version, headers, ...about } = publishOptionsOf(options);
    const id = this.identity.newId();
    const event = { id, type: checkedType, version, aggregate: checkedType, key: id, headers, ...about };
    const { committed } = await this.store.addEvent({ payload: toJson(payload, 'payload', this.limits), ...event }, manager);
    if (committed === null) this.onCommitted();
    else void committed.then(this.onCommitted);
    return { id };
  }
}
