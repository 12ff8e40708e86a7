import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { SagaBusyError, SagaInvariantError } from '../../errors';
import type { SagaEffect } from '../../core/effect';
import type { Operation } from '../../core/operation';
import type { Claim } from '../../ports/claim';
import type { StartRequest, StartResult } from '../../ports/saga-start';
import { joinTransaction, type CallersTransaction } from './callers-transaction';
import type { CommitWatch } from './commit.subscriber';
import { bisecting, CommitBatcher, type Answer } from './commit.batcher';
import { isTransient, sqlStateOf } from './database.error';
import type { EnginePool } from './engine.pool';
import { Lane } from './lane';
import { Parcel } from './parcel';
import type { PlanShelf } from './plan.shelf';
import { retrying } from './retrying';
import type { Sql } from './sql';
import { firstClaim } from './next-claim';
import { claimedStatement, toClaim, type ClaimRow } from './claim.statement';
import {
  encodedStart,
  keyLockStatement,
  plannedStart,
  startStatement,
  type EncodedStart,
  type KeyedStartRow,
  type PlannedStart,
  type StartRow,
} from './start.statement';
import { Vanguard } from './vanguard';

type Key = NonNullable<StartRequest['businessKey']>;

const STARTED: Extract<StartResult, { kind: 'started' }> = { kind: 'started', committed: null };
const FAST_TRIES = 3;

/** Starts sagas. A key that somebody holds at this moment is waited for in a lane of its own: no report ever queues behind it. */
export class SagaStarter {
  private readonly keyLane = new Lane();
  private readonly vanguard = new Vanguard();
  private readonly batcher: CommitBatcher<Parcel<EncodedStart>, StartRow>;

  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly plans: PlanShelf,
    private readonly application: DataSource,
    private readonly commits: CommitWatch,
    batchSize: number,
  ) {
    this.batcher = new CommitBatcher(
      (starts) => this.commit(starts),
      batchSize,
      ({ bytes }) => bytes,
    );
  }

  async start(request: StartRequest): Promise<StartResult> {
    // Asked before anything is written: a refusal leaves nothing behind.
    const joined = request.manager === undefined ? null : joinTransaction(request.manager, this.application, this.commits);
    if (!this.plans.has(request.planHash)) await retrying(() => this.plans.keep(this.pool, request.planHash, request.plan));
    if (joined !== null) return this.startInside(joined, request);
    const planned = plannedStart(request);
    return (await this.startPlanned(planned)) ?? this.unchained(request);
  }

  /** The action that was to be claimed with the start is paused: the saga starts, and waits. */
  private async unchained({ chain: _, ...request }: StartRequest): Promise<StartResult> {
    const result = await this.startPlanned(plannedStart(request));
    if (result === null) throw new SagaInvariantError(`the start of saga ${request.sagaId} claims nothing, and a pause held it up`);
    return result;
  }

  /** Null when a pause forbids what is chained to it. */
  private async startPlanned(planned: PlannedStart): Promise<StartResult | null> {
    const { businessKey, plan } = planned.request;
    const parcel = new Parcel(planned.request.sagaId, () => encodedStart(planned));
    if (businessKey !== null)
      return this.vanguard.take(`${plan.name}\u001f${businessKey.key}`, () => this.startKeyed(planned, parcel, businessKey));
    // Asked again after an answer got lost, the id shows that the saga is there.
    return retrying(async (attempt) => {
      const row = await this.batcher.run(parcel);
      if (row.paused) return null;
      if (!row.started && attempt === 0) throw new SagaInvariantError(`a saga with the id ${parcel.sagaId} exists already`);
      return this.started(planned, row);
    });
  }

  private async startKeyed(planned: PlannedStart, parcel: Parcel<EncodedStart>, key: Key): Promise<StartResult | null> {
    for (let tries = 0; tries < FAST_TRIES; tries++) {
      const row = await retrying(async (attempt) => this.judge(planned, await this.batcher.run(parcel), key, attempt > 0));
      if (row !== 'ask again') return row;
      await pause(2 ** tries * (1 + Math.random()));
    }
    return this.keyLane.run(() => retrying((attempt) => this.waitForKey(planned, parcel, key, attempt > 0)));
  }

  private async waitForKey(planned: PlannedStart, parcel: Parcel<EncodedStart>, key: Key, again: boolean): Promise<StartResult | null> {
    try {
      return await this.pool.transaction((sql) => this.underKeyLock(sql, planned, parcel, key, again));
    } catch (error) {
      if (sqlStateOf(error) !== '55P03') throw error;
      throw busy(planned, key);
    }
  }

  private async underKeyLock(
    sql: Sql,
    planned: PlannedStart,
    parcel: Parcel<EncodedStart>,
    key: Key,
    again: boolean,
  ): Promise<StartResult | null> {
    // A statement of its own: the next one then sees what was committed while this one waited.
    await sql.query(keyLockStatement(this.schema, planned.request, key.key));
    const result = await this.judge(planned, await this.insert(sql, parcel), key, again);
    if (result === 'ask again') throw busy(planned, key);
    return result;
  }

  /** The caller's transaction decides whether the saga exists; nothing here is tried twice, and nothing is claimed before the commit. */
  private async startInside(transaction: CallersTransaction, { chain: _, ...request }: StartRequest): Promise<StartResult> {
    const { businessKey } = request;
    const planned = plannedStart(request);
    const parcel = new Parcel(planned.request.sagaId, () => encodedStart(planned));
    if (businessKey === null) {
      const { started } = await this.insert(transaction.sql, parcel);
      if (!started) throw new SagaInvariantError(`a saga with the id ${request.sagaId} exists already`);
    } else {
      const result = await this.underKeyLock(transaction.sql, planned, parcel, businessKey, false);
      if (result !== null && result.kind !== 'started') return result;
    }
    return { kind: 'started', committed: transaction.committed() };
  }

  /** Of one key one goes first. Where several meet after all, the unique key decides, and the others ask again. */
  private commit(starts: readonly Parcel<EncodedStart>[]): Promise<readonly Answer<StartRow>[]> {
    return bisecting(starts, (some) => this.write(some), isTransient);
  }

  private async write(starts: readonly Parcel<EncodedStart>[]): Promise<readonly StartRow[]> {
    const rows = await this.pool.query<StartRow>(
      startStatement(
        this.schema,
        starts.map((start) => start.open()),
      ),
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return starts.map(({ sagaId }) => byId.get(sagaId) as StartRow);
  }

  private async insert(sql: Sql, start: Parcel<EncodedStart>): Promise<StartRow> {
    const [row] = await sql.query<StartRow>(startStatement(this.schema, [start.open()]));
    if (row === undefined) throw new SagaInvariantError('a start answered nothing');
    return row;
  }

  /** What became of a keyed start. `ask again`: the key is locked, or was taken since the statement's snapshot. */
  private async judge(planned: PlannedStart, row: StartRow, key: Key, again: boolean): Promise<StartResult | null | 'ask again'> {
    if (row.paused) return null;
    if (row.started) return this.started(planned, row);
    const { saga_id: sagaId, fingerprint, state, purged } = row as KeyedStartRow;
    if (sagaId === null) return 'ask again';
    if (again && sagaId === planned.request.sagaId) return this.started(planned, row);
    if (fingerprint !== key.fingerprint) return { kind: 'conflict', sagaId };
    if (state === null) throw new SagaInvariantError(`saga ${sagaId} of business key "${key.key}" has lost its rows`);
    return { kind: 'existing', sagaId, state, purged: purged === true };
  }

  private started({ request, saga, effects, link }: PlannedStart, row: StartRow): StartResult | Promise<StartResult> {
    if (link === undefined || request.chain === undefined) return STARTED;
    if (row.created_at === null) return this.startedBefore(request, effects, link.operation, request.chain.claimId);
    return chainedStart(effects, firstClaim(request, request.chain, saga, link.operation, new Date(Number(row.created_at))));
  }

  /** The answer was lost. Somebody else may have the operation by now. */
  private async startedBefore(
    request: StartRequest,
    effects: readonly SagaEffect[],
    operation: Operation,
    claimId: string,
  ): Promise<StartResult> {
    const [mine] = await this.pool.query<ClaimRow>(claimedStatement(this.schema, { sagaId: request.sagaId, operation, claimId }));
    return mine === undefined ? STARTED : chainedStart(effects, toClaim(mine, request.plan, claimId));
  }
}

function chainedStart(effects: readonly SagaEffect[], next: Claim): StartResult {
  return { kind: 'started', committed: null, chained: { effects, next } };
}

function busy({ request }: PlannedStart, key: Key): SagaBusyError {
  return new SagaBusyError(`business key "${key.key}" of "${request.plan.name}"`);
}
