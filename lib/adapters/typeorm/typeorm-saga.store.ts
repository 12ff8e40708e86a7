import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { SagaBusyError } from '../../errors';
import type { HandlerDeclaration } from '../../core/handler-declaration';
import type { Json } from '../../core/json';
import { isTerminal, type SagaState } from '../../core/saga-value';
import type { ClaimRequest, ClaimResult } from '../../ports/claim';
import type { OrderedBy, PausedAction } from '../../ports/paused-action';
import type { ApplyRequest, ApplyResult, Decide, Heartbeat, HeartbeatResult, TransactRequest, TransactResult } from '../../ports/report';
import type { StartRequest, StartResult } from '../../ports/saga-start';
import type {
  HandlerName,
  DeleteResult,
  MissingHandler,
  PurgeRequest,
  PurgeResult,
  QuarantinedMessage,
  SagaQuery,
  SagaStore,
  StoredHandler,
} from '../../ports/saga-store';
import type { SweepRequest, SweepResult } from '../../ports/sweep';
import type { InspectedSaga, SagaGlance, StoredHistoryEntry, StoredSaga } from '../../ports/stored-saga';
import type { AddSignalResult, SagaMessage, StoredSecret } from '../../ports/saga-signal';
import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from '../../ports/outbox-event';
import { CommitWatch } from './commit.subscriber';
import { deleteStatement, purgeStatement, type DeleteRow, type PurgeRow } from './delete.statement';
import { EnginePool } from './engine.pool';
import {
  findStatement,
  glanceStatement,
  listStatement,
  statesStatement,
  toStoredSaga,
  type GlanceRow,
  type StoredSagaRow,
} from './find.statement';
import {
  leaveHandlersStatement,
  readHandlersStatement,
  toStoredHandler,
  writeHandlersStatement,
  type HandlerRow,
} from './handlers.statement';
import { heartbeatStatement, toHeartbeatResults, wakeStatement, type HeartbeatRow } from './heartbeat.statement';
import { historyStatement, toHistoryEntry, type HistoryRow } from './history.statement';
import { missingHandlersStatement } from './missing-handlers.statement';
import { Outbox } from './outbox';
import { outputsStatement, type OutputRow } from './outputs.statement';
import { Signals } from './signals';
import { inspectStatement, toInspectedSaga, type InspectedRow } from './inspect.statement';
import { pausesStatement, pauseStatement, resumeStatement, toPausedAction, type PauseRow } from './pause.statement';
import { PlanShelf } from './plan.shelf';
import { quarantineStatement } from './quarantine.statement';
import { retrying } from './retrying';
import { rouse } from './rouse';
import { rouseStatement, type RouseRow } from './rouse.statement';
import { SagaApplier } from './saga.applier';
import { SagaClaimer } from './saga.claimer';
import { SagaStarter } from './saga.starter';
import { SagaTransactor } from './saga.transactor';
import { CommitBatcher, type Answer } from './commit.batcher';
import { checkSchema } from './schema.version';
import { autoMigrate } from './auto-migrate';
import type { Statement } from './sql';
import { Turns } from './turns';
import { sweepStatement, toSweepResult, type SweepRow } from './sweep.statement';

export interface TypeOrmSagaStoreInit {
  /** The application's. Its options are used, its pool by transactional handlers, and its transactions when `start` gets a manager. */
  readonly dataSource: DataSource;
  /** Already checked. */
  readonly schema: string;
  readonly autoMigrate: boolean;
  readonly poolSize: number;
  readonly namedStatements: boolean;
  readonly batchSize: number;
}

/** Sagas in PostgreSQL, over a few connections of the engine's own. Each verb is a statement or two; see their files. */
export class TypeOrmSagaStore implements SagaStore {
  readonly description: string;
  private readonly schema: string;
  private readonly pool: EnginePool;
  private readonly plans: PlanShelf;
  private readonly starter: SagaStarter;
  private readonly claimer: SagaClaimer;
  private readonly applier: SagaApplier;
  private readonly outbox: Outbox;
  private readonly signals: Signals;
  private readonly transactor: SagaTransactor;
  private readonly turns = new Turns();
  /** Callers that wait for the ends of many sagas ask for them at the same time. */
  private readonly finder = new CommitBatcher((sagaIds: readonly string[]) => this.findAll(sagaIds));

  constructor(private readonly init: TypeOrmSagaStoreInit) {
    const { dataSource, schema, poolSize, namedStatements, batchSize } = init;
    this.description = `PostgreSQL schema "${schema}"`;
    this.schema = schema;
    this.pool = new EnginePool({ application: dataSource.options, poolSize, namedStatements });
    this.plans = new PlanShelf(schema);
    const commits = new CommitWatch();
    this.starter = new SagaStarter(this.pool, schema, this.plans, dataSource, commits, batchSize);
    this.outbox = new Outbox(this.pool, schema, dataSource, commits);
    this.signals = new Signals(this.pool, schema, dataSource, commits);
    this.claimer = new SagaClaimer(this.pool, schema, this.plans, this.turns, batchSize);
    this.applier = new SagaApplier(this.pool, schema, this.plans, this.turns, batchSize);
    this.transactor = new SagaTransactor(dataSource, this.pool, schema, this.plans, this.turns);
  }

  async open(): Promise<void> {
    await this.pool.open();
    try {
      if (this.init.autoMigrate) await autoMigrate(this.pool, this.schema);
      await checkSchema(this.pool, this.schema);
    } catch (error) {
      await this.pool.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  start(request: StartRequest): Promise<StartResult> {
    return this.starter.start(request);
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    return this.claimer.claim(request);
  }

  apply(requests: readonly ApplyRequest[], decide: Decide): Promise<readonly ApplyResult[]> {
    return this.applier.apply(requests, decide);
  }

  async transact(request: TransactRequest, decide: Decide): Promise<TransactResult> {
    return this.transactor.transact(request, decide);
  }

  async heartbeat(beats: readonly Heartbeat[]): Promise<readonly HeartbeatResult[]> {
    if (beats.length === 0) return [];
    const results = toHeartbeatResults(await this.query<HeartbeatRow>(heartbeatStatement(this.schema, beats)), beats);
    // A lease that ends now ends earlier than anybody knew: the next sweep must look. Not in the same statement, which holds
    // operations, and whoever holds the saga may wait for those.
    const timedOut = beats.filter((beat) => beat.timedOut).map((beat) => beat.sagaId);
    if (timedOut.length > 0) await this.query(wakeStatement(this.schema, timedOut));
    return results;
  }

  async sweep(request: SweepRequest): Promise<SweepResult> {
    const [row] = await this.query<SweepRow>(sweepStatement(this.schema, request));
    return toSweepResult(row as SweepRow);
  }

  async find(sagaId: string): Promise<StoredSaga | null> {
    return this.finder.run(sagaId);
  }

  private async findAll(sagaIds: readonly string[]): Promise<readonly Answer<StoredSaga | null>[]> {
    try {
      const found = await this.stored(findStatement(this.schema, [...new Set(sagaIds)]));
      const byId = new Map(found.map((stored) => [stored.saga.id, stored]));
      return sagaIds.map((sagaId) => ({ result: byId.get(sagaId) ?? null }));
    } catch (error) {
      return sagaIds.map(() => ({ error }));
    }
  }

  async outputs(sagaId: string, steps: readonly number[]): Promise<ReadonlyMap<number, Json>> {
    const rows = await this.query<OutputRow>(outputsStatement(this.schema, sagaId, steps));
    return new Map(rows.map(({ step, output }) => [step, output]));
  }

  async list(query: SagaQuery): Promise<readonly StoredSaga[]> {
    return this.stored(listStatement(this.schema, query));
  }

  async states(sagaIds: readonly string[]): Promise<ReadonlyMap<string, SagaState>> {
    const rows = await this.query<{ readonly id: string; readonly state: SagaState }>(statesStatement(this.schema, sagaIds));
    return new Map(rows.map(({ id, state }) => [id, state]));
  }

  async glance(sagaIds: readonly string[]): Promise<ReadonlyMap<string, SagaGlance>> {
    const rows = await this.query<GlanceRow>(glanceStatement(this.schema, sagaIds));
    return new Map(rows.map(({ id, ...glance }) => [id, glance]));
  }

  async delete(sagaId: string): Promise<DeleteResult> {
    for (const delay of [10, 50, 200, 1_000]) {
      const [row] = await this.query<DeleteRow>(deleteStatement(this.schema, sagaId));
      if (row === undefined) return 'missing';
      if (row.deleted) return 'deleted';
      if (!isTerminal(row.state)) return { active: row.state };
      if (row.attention) return 'attention';
      if (row.part_of !== null) return { active: row.part_of[1], of: row.part_of[0] };
      await pause(delay);
    }
    throw new SagaBusyError(`saga ${sagaId}`);
  }

  async purge(request: PurgeRequest): Promise<PurgeResult> {
    const [row] = await this.query<PurgeRow>(purgeStatement(this.schema, request));
    return row as PurgeRow;
  }

  async history(sagaId: string): Promise<readonly StoredHistoryEntry[]> {
    const rows = await this.query<HistoryRow>(historyStatement(this.schema, sagaId));
    const [first] = rows;
    if (first === undefined) return [];
    const plan = await this.plans.load(this.pool, first.plan_hash);
    return rows.map((row) => toHistoryEntry(row, plan));
  }

  async writeHandlers(group: string, declarations: readonly HandlerDeclaration[]): Promise<void> {
    await this.query(writeHandlersStatement(this.schema, group, declarations));
  }

  async leaveHandlers(group: string): Promise<void> {
    await this.query(leaveHandlersStatement(this.schema, group));
  }

  async readHandlers(): Promise<readonly StoredHandler[]> {
    return (await this.query<HandlerRow>(readHandlersStatement(this.schema))).map(toStoredHandler);
  }

  async missingHandlers(offered: readonly HandlerName[]): Promise<readonly MissingHandler[]> {
    return this.query<MissingHandler>(missingHandlersStatement(this.schema, offered));
  }

  async quarantine(message: QuarantinedMessage): Promise<void> {
    await this.query(quarantineStatement(this.schema, message));
  }

  async addEvent(event: OutboxEvent, manager?: unknown): Promise<{ readonly committed: Promise<void> | null }> {
    return this.outbox.add(event, manager);
  }

  async takeEvents(request: TakeEventsRequest): Promise<readonly StoredEvent[]> {
    return this.outbox.take(request);
  }

  async dropEvents(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.outbox.drop(ids);
  }

  async returnEvents(taker: string, events: readonly ReturnedEvent[]): Promise<void> {
    if (events.length > 0) await this.outbox.giveBack(taker, events);
  }

  async addSignal(signal: SagaMessage, manager?: unknown): Promise<AddSignalResult> {
    return this.signals.add(signal, manager);
  }

  async nextSignal(sagaId: string, name: string): Promise<SagaMessage | null> {
    return this.signals.next(sagaId, name);
  }

  async secrets(): Promise<readonly StoredSecret[]> {
    return this.signals.secrets();
  }

  async pauseAction(action: string, by: OrderedBy): Promise<void> {
    await this.query(pauseStatement(this.schema, action, by));
  }

  async resumeAction(action: string, by: OrderedBy): Promise<void> {
    await this.query(resumeStatement(this.schema, action, by));
    await this.rouse([action]);
  }

  async rouse(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await rouse((seq) => this.query<RouseRow>(rouseStatement(this.schema, keys, seq)));
  }

  async pausedActions(): Promise<readonly PausedAction[]> {
    return (await this.query<PauseRow>(pausesStatement(this.schema))).map(toPausedAction);
  }

  async inspect(sagaId: string): Promise<InspectedSaga | null> {
    const [row] = await this.query<InspectedRow>(inspectStatement(this.schema, sagaId));
    return row === undefined ? null : toInspectedSaga(row, await this.plans.load(this.pool, row.plan_hash));
  }

  /** Statements that may run twice: reads, and writes that come to the same. */
  private query<Row>(statement: Statement): Promise<readonly Row[]> {
    return retrying(() => this.pool.query<Row>(statement));
  }

  private async stored(statement: Statement): Promise<readonly StoredSaga[]> {
    const rows = await this.query<StoredSagaRow>(statement);
    const stored: StoredSaga[] = [];
    for (const row of rows) stored.push(toStoredSaga(row, await this.plans.load(this.pool, row.plan_hash)));
    return stored;
  }
}
