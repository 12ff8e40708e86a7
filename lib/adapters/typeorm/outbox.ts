import type { DataSource } from 'typeorm';
import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from '../../ports/outbox-event';
import { joinTransaction } from './callers-transaction';
import type { CommitWatch } from './commit.subscriber';
import type { EnginePool } from './engine.pool';
import {
  addEventStatement,
  dropEventsStatement,
  returnEventsStatement,
  takeEventsStatement,
  toStoredEvent,
  type EventRow,
} from './outbox.statement';
import { retrying } from './retrying';

/** The events that wait to be announced. No lock and no transaction outlives a statement: a lease is a time in the row. */
export class Outbox {
  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly application: DataSource,
    private readonly commits: CommitWatch,
  ) {}

  async add(event: OutboxEvent, manager: unknown): Promise<{ readonly committed: Promise<void> | null }> {
    const statement = addEventStatement(this.schema, event);
    if (manager === undefined) {
      await retrying(() => this.pool.query(statement));
      return { committed: null };
    }
    const joined = joinTransaction(manager, this.application, this.commits);
    await joined.sql.query(statement);
    return { committed: joined.committed() };
  }

  /** Once only: what was taken by a statement whose answer got lost comes back when its lease ends. */
  async take(request: TakeEventsRequest): Promise<readonly StoredEvent[]> {
    return (await this.pool.query<EventRow>(takeEventsStatement(this.schema, request))).map(toStoredEvent);
  }

  async drop(ids: readonly string[]): Promise<void> {
    await retrying(() => this.pool.query(dropEventsStatement(this.schema, ids)));
  }

  async giveBack(taker: string, events: readonly ReturnedEvent[]): Promise<void> {
    await retrying(() => this.pool.query(returnEventsStatement(this.schema, taker, events)));
  }
}
