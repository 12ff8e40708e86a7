import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { SagaBusyError, SagaInvariantError } from '../../errors';
import type { StartRequest, StartResult } from '../../ports/saga-store';
import { joinTransaction, type CallersTransaction } from './callers-transaction';
import type { CommitWatch } from './commit.subscriber';
import { bisecting, CommitBatcher, type Answer } from './commit.batcher';
import { isTransient, sqlStateOf } from './database.error';
import type { EnginePool } from './engine.pool';
import { Lane } from './lane';
import type { PlanShelf } from './plan.shelf';
import { retrying } from './retrying';
import type { Sql } from './sql';
import { encodedStart, startBatchStatement, type BatchedStartRow, type EncodedStart } from './start-batch.statement';
import { keyedStartStatement, keyLockStatement, startStatement, type KeyedStartRow } from './start.statement';
import { Turns } from './turns';

type Key = NonNullable<StartRequest['businessKey']>;

const STARTED: StartResult = { kind: 'started', committed: null };
const FAST_TRIES = 3;

/** Starts sagas. A key that somebody holds at this moment is waited for in a lane of its own: no report ever queues behind it. */
export class SagaStarter {
  private readonly keyLane = new Lane();
  private readonly turns = new Turns();
  private readonly batcher = new CommitBatcher(
    (starts: readonly EncodedStart[]) => this.commit(starts),
    ({ bytes }) => bytes,
  );

  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly application: DataSource,
    private readonly commits: CommitWatch,
  ) {}

  async start(request: StartRequest): Promise<StartResult> {
    // Asked before anything is written: a refusal leaves nothing behind.
    const joined = request.manager === undefined ? null : joinTransaction(request.manager, this.application, this.commits);
    await retrying(() => this.plans.keep(this.pool, request.planHash, request.plan));
    if (joined !== null) return this.startInside(joined, request);
    const { businessKey } = request;
    if (businessKey !== null) return this.startKeyed(request, businessKey);
    // Asked again after an answer got lost, the id shows that the saga is there.
    const encoded = encodedStart(request);
    await retrying((attempt) => this.insertSoon(encoded, attempt > 0));
    return STARTED;
  }

  private async insertSoon(start: EncodedStart, again: boolean): Promise<void> {
    const { started } = await this.batcher.run(start);
    if (!started && !again) throw new SagaInvariantError(`a saga with the id ${start.request.sagaId} exists already`);
  }

  /** No two of one key: they take turns. */
  private commit(starts: readonly EncodedStart[]): Promise<readonly Answer<KeyedStartRow>[]> {
    return bisecting(starts, (some) => this.write(some), isTransient);
  }

  private async write(starts: readonly EncodedStart[]): Promise<readonly KeyedStartRow[]> {
    const [only, ...others] = starts;
    if (only !== undefined && others.length === 0) return [await this.writeOne(only.request)];
    const rows = await this.pool.query<BatchedStartRow>(startBatchStatement(this.schema, starts));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return starts.map(({ request }) => byId.get(request.sagaId) as BatchedStartRow);
  }

  private async writeOne(request: StartRequest): Promise<KeyedStartRow> {
    if (request.businessKey !== null) return this.askKey(this.pool, request, request.businessKey);
    const rows = await this.pool.query(startStatement(this.schema, request));
    return { got: true, started: rows.length > 0, saga_id: null, fingerprint: null, state: null, purged: true };
  }

  private async askKey(sql: Sql, request: StartRequest, key: Key): Promise<KeyedStartRow> {
    const [row] = await sql.query<KeyedStartRow>(keyedStartStatement(this.schema, request, key));
    if (row === undefined) throw new SagaInvariantError('a keyed start answered nothing');
    return row;
  }

  private async insert(sql: Sql, request: StartRequest, again: boolean): Promise<void> {
    const rows = await sql.query(startStatement(this.schema, request));
    if (rows.length === 0 && !again) throw new SagaInvariantError(`a saga with the id ${request.sagaId} exists already`);
  }

  private async startKeyed(request: StartRequest, key: Key): Promise<StartResult> {
    return this.turns.take(`${request.plan.name}\u001f${key.key}`, () => this.startInTurn(request, key));
  }

  private async startInTurn(request: StartRequest, key: Key): Promise<StartResult> {
    const encoded = encodedStart(request);
    for (let tries = 0; tries < FAST_TRIES; tries++) {
      const result = await retrying(async (attempt) => resultOf(await this.batcher.run(encoded), request, key, attempt > 0));
      if (result !== null) return result;
      await pause(2 ** tries * (1 + Math.random()));
    }
    return this.keyLane.run(() => retrying((attempt) => this.waitForKey(request, key, attempt > 0)));
  }

  private async waitForKey(request: StartRequest, key: Key, again: boolean): Promise<StartResult> {
    try {
      return await this.pool.transaction((sql) => this.underKeyLock(sql, request, key, again));
    } catch (error) {
      if (sqlStateOf(error) !== '55P03') throw error;
      throw new SagaBusyError(`business key "${key.key}" of "${request.plan.name}"`);
    }
  }

  private async underKeyLock(sql: Sql, request: StartRequest, key: Key, again: boolean): Promise<StartResult> {
    // A statement of its own: the next one then sees what was committed while this one waited.
    await sql.query(keyLockStatement(this.schema, request, key.key));
    const result = resultOf(await this.askKey(sql, request, key), request, key, again);
    if (result === null) throw new SagaBusyError(`business key "${key.key}" of "${request.plan.name}"`);
    return result;
  }

  /** The caller's transaction decides whether the saga exists; nothing here is tried twice. */
  private async startInside(transaction: CallersTransaction, request: StartRequest): Promise<StartResult> {
    const { businessKey } = request;
    if (businessKey === null) {
      await this.insert(transaction.sql, request, false);
    } else {
      const result = await this.underKeyLock(transaction.sql, request, businessKey, false);
      if (result.kind !== 'started') return result;
    }
    return { kind: 'started', committed: transaction.committed() };
  }
}

/** Null: the key is locked, or was taken since this statement's snapshot; ask again. */
function resultOf(row: KeyedStartRow, request: StartRequest, key: Key, again: boolean): StartResult | null {
  if (row.started) return STARTED;
  const { saga_id: sagaId, fingerprint, state, purged } = row;
  if (sagaId === null) return null;
  if (again && sagaId === request.sagaId) return STARTED;
  if (fingerprint !== key.fingerprint) return { kind: 'conflict', sagaId };
  if (state === null) throw new SagaInvariantError(`saga ${sagaId} of business key "${key.key}" has lost its rows`);
  return { kind: 'existing', sagaId, state, purged };
}
