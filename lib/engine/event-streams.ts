import type { SagaEffect } from '../core/effect';
import type { Plan } from '../core/plan';
import type { SagaValue } from '../core/saga-value';
import type { Claim } from '../ports/claim';
import { PushStream } from './push-stream';
import { startedEvent, streamEventsOf, type SagaStreamEvent } from './stream-event';
import type { StreamFilter } from '../options/event-stream-options';

interface Subscriber {
  readonly stream: PushStream<SagaStreamEvent>;
  readonly filter: StreamFilter;
}

/** Tells everybody in this process who listens. While nobody does, no event is made. */
export class EventStreams {
  private readonly subscribers = new Set<Subscriber>();
  private closed = false;

  open(filter: StreamFilter): PushStream<SagaStreamEvent> {
    const { capacity, signal } = filter;
    const stream = new PushStream<SagaStreamEvent>({ capacity, signal, dropped: (count) => ({ type: 'events.dropped', count }) });
    if (this.closed) stream.end();
    const subscriber = { stream, filter };
    this.subscribers.add(subscriber);
    stream.whenOver(() => this.subscribers.delete(subscriber));
    return stream;
  }

  /** Something is stored. */
  happened(plan: Plan, saga: SagaValue, effects: readonly SagaEffect[]): void {
    if (this.subscribers.size > 0) for (const event of streamEventsOf(plan, saga, effects)) this.tell(event);
  }

  claimed({ basis: { plan, saga }, operation }: Claim): void {
    if (this.subscribers.size > 0) this.tell(startedEvent(plan, saga, operation));
  }

  close(): void {
    this.closed = true;
    for (const { stream } of [...this.subscribers]) stream.end();
  }

  private tell(event: SagaStreamEvent): void {
    Object.freeze(event); // every reader has the same one
    for (const { stream, filter } of [...this.subscribers]) if (isWanted(event, filter)) stream.push(event);
  }
}

function isWanted(event: SagaStreamEvent, { sagaId, name, types }: StreamFilter): boolean {
  if (event.type === 'events.dropped') return false;
  return (
    (sagaId === undefined || event.sagaId === sagaId) &&
    (name === undefined || event.name === name) &&
    (types === undefined || types.has(event.type))
  );
}
