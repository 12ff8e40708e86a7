import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from '../../ports/outbox-event';
import { utf8Length } from '../../core/json';

interface Kept {
  readonly event: OutboxEvent;
  readonly bytes: number;
  readonly at: number;
  tries: number;
  taker: string | null;
  freeFrom: number;
}

/** Events that wait to be announced, in the order in which they were added. */
export class InMemoryOutbox {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly now: () => number) {}

  add(event: OutboxEvent): void {
    if (this.kept.has(event.id)) return;
    const copy = structuredClone(event);
    const bytes = utf8Length(JSON.stringify(copy.payload));
    this.kept.set(event.id, { event: copy, bytes, at: this.now(), tries: 0, taker: null, freeFrom: -Infinity });
  }

  take({ taker, limit, maxBytes, leaseMs }: TakeEventsRequest): readonly StoredEvent[] {
    const now = this.now();
    const taken: StoredEvent[] = [];
    let bytes = 0;
    for (const kept of this.kept.values()) {
      if (kept.freeFrom > now) continue;
      bytes += kept.bytes;
      if (taken.length >= limit || (taken.length > 0 && bytes > maxBytes)) break;
      Object.assign(kept, { taker, freeFrom: now + leaseMs, tries: kept.tries + 1 });
      taken.push({ ...structuredClone(kept.event), at: new Date(kept.at), tries: kept.tries });
    }
    return taken;
  }

  drop(ids: readonly string[]): void {
    for (const id of ids) this.kept.delete(id);
  }

  giveBack(taker: string, events: readonly ReturnedEvent[]): void {
    const now = this.now();
    for (const { id, inMs } of events) {
      const kept = this.kept.get(id);
      if (kept?.taker === taker) Object.assign(kept, { taker: null, freeFrom: now + inMs });
    }
  }
}
