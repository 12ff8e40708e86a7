import type { SagaEffect } from '../core/effect';
import type { Plan } from '../core/plan';
import type { SagaValue } from '../core/saga-value';
import type { Claim } from '../ports/claim';
import type { EventStreams } from './event-streams';
import type { Watchers } from './watchers';

/** Those who look on in this process, and have no say. */
export class Onlookers {
  constructor(
    private readonly streams: EventStreams,
    private readonly watchers: Watchers,
  ) {}

  /** A decision is stored. */
  happened(plan: Plan, saga: SagaValue, effects: readonly SagaEffect[]): void {
    this.streams.happened(plan, saga, effects);
    const record = effects.find((effect) => effect.type === 'record');
    this.watchers.happened(saga, record?.entry.step ?? null);
  }

  /** A worker begins with what it has claimed. */
  begun(claim: Claim): void {
    this.streams.claimed(claim);
  }
}
