import { chain } from '../../core/chain';
import { deadlineDealtWith, mayGoOn } from '../../core/claim';
import type { SagaEffect } from '../../core/effect';
import type { SagaEvent } from '../../core/event';
import type { HandlerDeclaration } from '../../core/handler-declaration';
import type { Json } from '../../core/json';
import type { OperationRef } from '../../core/operation';
import { operationOf, isTerminal, type SagaState, type SagaValue } from '../../core/saga-value';
import { transition } from '../../core/transition';
import type { AddSignalResult, SagaMessage, StoredSecret } from '../../ports/saga-signal';
import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from '../../ports/outbox-event';
import type { ChainedClaim, ChainOffer, Claim, ClaimRequest, ClaimResult } from '../../ports/claim';
import type { OrderedBy, PausedAction } from '../../ports/paused-action';
import type { ApplyRequest, ApplyResult, Decide, Heartbeat, HeartbeatResult } from '../../ports/report';
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
import { claimOf } from './claim-of';
import { InMemoryBusinessKeys } from './in-memory.business-keys';
import { InMemoryHandlers } from './in-memory.handlers';
import { InMemoryOutbox } from './in-memory.outbox';
import { InMemoryPauses } from './in-memory.pauses';
import { InMemoryQuarantine } from './in-memory.quarantine';
import { InMemorySignals } from './in-memory.signals';
import { inspectedSaga, rouseRecord } from './inspect-record';
import { missingInRecords } from './missing-in-records';
import { outputsOf } from './outputs-of';
import { glanceAt, listed, ofEach, storedSaga } from './read-records';
import { recordDecision } from './record-decision';
import { setTimes, timesOf, type SagaRecord } from './saga-record';
import { sweepRecords } from './sweep-records';

/**
 * Keeps sagas in this process: for tests, and for trying things out. It keeps every promise but durability, and hands out copies
 * only, so that nobody can change a saga without a transition.
 */
export class InMemorySagaStore implements SagaStore {
  readonly description = 'memory (lost when the process ends)';
  private readonly records = new Map<string, SagaRecord>();
  private readonly keys = new InMemoryBusinessKeys();
  private readonly handlers: InMemoryHandlers;
  private readonly pauses: InMemoryPauses;
  private readonly quarantined: InMemoryQuarantine;
  private readonly outbox: InMemoryOutbox;
  private readonly signals = new InMemorySignals();
  private readonly key = globalThis.crypto.getRandomValues(new Uint8Array(32));
  private seq = 0;

  /** @param now milliseconds; the clock of everything this store decides. Default: the system's */
  constructor(private readonly now: () => number = Date.now) {
    this.handlers = new InMemoryHandlers(now);
    this.pauses = new InMemoryPauses(now);
    this.quarantined = new InMemoryQuarantine(now);
    this.outbox = new InMemoryOutbox(now);
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  async start({ chain: offer, ...request }: StartRequest): Promise<StartResult> {
    const before = this.startedBefore(request);
    if (before !== null) return before;
    const copy = structuredClone({ ...request, manager: undefined });
    const now = this.now();
    const record: SagaRecord = {
      seq: ++this.seq,
      plan: copy.plan,
      saga: { ...copy.saga, operations: new Map() },
      steps: copy.steps,
      outputs: new Map(),
      times: new Map(),
      context: copy.context,
      laidOver: copy.laidOver ?? null,
      metadata: copy.metadata,
      businessKey: copy.businessKey?.key ?? null,
      deadlineAt: copy.deadlineMs === null ? null : now + copy.deadlineMs,
      deadlineResentAt: 0,
      createdAt: now,
      updatedAt: now,
      completedAt: null,
      history: [],
    };
    recordDecision(record, copy.saga, copy.effects, now, copy.resendMs);
    this.records.set(copy.sagaId, record);
    if (copy.businessKey !== null) this.keys.take(copy.plan.name, copy.businessKey, copy.sagaId);
    const chained = offer === undefined ? null : this.chain(record, offer, copy.effects);
    return { kind: 'started', committed: null, ...(chained !== null && { chained }) };
  }

  /** In memory nothing happens between two calls: the claim that follows is as good as one with its decision. */
  private chain(record: SagaRecord, offer: ChainOffer, effects: readonly SagaEffect[]): ChainedClaim | null {
    const { plan, saga } = record;
    const isLate = record.deadlineAt !== null && record.deadlineAt <= this.now() && !deadlineDealtWith(saga);
    const mayBegin = ({ direction, step }: OperationRef): boolean =>
      direction === 'undo' || !(isLate || this.pauses.has(plan.steps[step]?.action));
    const accepts = (operation: OperationRef, key: string): boolean => mayBegin(operation) && offer.accepts(operation, key);
    const chained = chain(plan, { kind: 'moved', saga, effects }, { ...offer, accepts });
    if (chained === null) return null;
    const ownEffects = chained.effects.slice(effects.length - 1); // one of the others is what was claimed
    return { effects: chained.effects, next: this.take(record, { saga: chained.saga, effects: ownEffects }, chained.operation, offer) };
  }

  private startedBefore({ plan, businessKey }: StartRequest): StartResult | null {
    const owner = businessKey === null ? undefined : this.keys.ownerOf(plan.name, businessKey.key);
    if (owner === undefined) return null;
    const { sagaId, fingerprint, finalState } = owner;
    if (fingerprint !== businessKey?.fingerprint) return { kind: 'conflict', sagaId };
    const state = this.records.get(sagaId)?.saga.state ?? finalState ?? 'completed';
    return { kind: 'existing', sagaId, state, purged: finalState !== null };
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const record = this.records.get(request.sagaId);
    if (record === undefined) return { kind: 'refused', reason: 'missing' };
    if (record.plan.format > request.planFormat) return { kind: 'refused', reason: 'unknown-plan-format' };
    const now = this.now();
    const { claimId, operation, canVerify = true, maxLosses = Infinity, alone = false, conditions } = request;
    const seen = {
      due: (timesOf(record, operation).dueAt ?? 0) <= now,
      pastDeadline: record.deadlineAt !== null && record.deadlineAt <= now,
      actionPaused: this.pauses.has(record.plan.steps[operation.step]?.action),
    };
    const able = { canVerify, ...(conditions !== undefined && { conditions }) };
    const decision = transition(record.plan, record.saga, { type: 'claim', operation, claimId, ...seen, ...able, maxLosses, alone });
    if (decision.kind !== 'moved') return { kind: 'refused', reason: decision.kind === 'ignored' ? decision.reason : 'busy' };
    return { kind: 'claimed', claim: this.take(record, decision, operation, request) };
  }

  private take(
    record: SagaRecord,
    { saga, effects }: { readonly saga: SagaValue; readonly effects: readonly SagaEffect[] },
    operation: OperationRef,
    { claimId, worker, leaseMs }: Pick<ClaimRequest, 'claimId' | 'worker' | 'leaseMs'>,
  ): Claim {
    const now = this.now();
    recordDecision(record, saga, effects, now, 0);
    const isFirst = operationOf(record.saga, operation)?.claims === 1;
    const firstAt = isFirst ? now : (timesOf(record, operation).firstAt ?? now);
    setTimes(record, operation, { firstAt, leaseUntil: now + leaseMs, worker });
    return claimOf(record, operation, claimId, now - firstAt);
  }

  async apply(requests: readonly ApplyRequest[], decide: Decide): Promise<readonly ApplyResult[]> {
    return requests.map((request): ApplyResult => {
      try {
        return this.applyOne(request, decide);
      } catch (error) {
        return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
      }
    });
  }

  private applyOne(request: ApplyRequest, decide: Decide): ApplyResult {
    const record = this.records.get(request.sagaId);
    if (record === undefined) return { kind: 'missing' };
    if (this.wasRenewed(record, request)) return { kind: 'ignored', reason: 'lease-renewed', state: record.saga.state };
    const decision = decide(record.plan, record.saga, structuredClone(request.event));
    if (decision.kind === 'ignored') return { kind: 'ignored', reason: decision.reason, state: record.saga.state };
    if (decision.kind === 'need') return { kind: 'failed', error: new TypeError('a whole saga was not enough to decide') };
    recordDecision(record, decision.saga, decision.effects, this.now(), request.resendMs);
    const chained = request.chain === undefined ? null : this.chain(record, request.chain, decision.effects);
    return structuredClone<Extract<ApplyResult, { kind: 'applied' }>>({
      kind: 'applied',
      plan: record.plan,
      saga: record.saga,
      effects: chained?.effects ?? decision.effects,
      ...(chained !== null && { next: chained.next }),
    });
  }

  private wasRenewed(record: SagaRecord, { event, graceMs }: { readonly event: SagaEvent; readonly graceMs?: number }): boolean {
    if (event.type !== 'lease-expired') return false;
    const { leaseUntil } = timesOf(record, event.operation);
    return leaseUntil !== null && leaseUntil + (graceMs ?? 0) > this.now();
  }

  async heartbeat(beats: readonly Heartbeat[]): Promise<readonly HeartbeatResult[]> {
    return beats.map((beat) => this.beat(beat));
  }

  private beat(beat: Heartbeat): HeartbeatResult {
    const record = this.records.get(beat.sagaId);
    const operation = record && operationOf(record.saga, beat.operation);
    const now = this.now();
    const mine = operation?.state === 'running' && operation.fence === beat.fence && operation.claimId === beat.claimId;
    if (record === undefined || !mine || (timesOf(record, operation).leaseUntil ?? 0) <= now) return { held: false, wanted: false };
    if (beat.timedOut) {
      const operations = new Map(record.saga.operations);
      for (const [key, other] of operations) if (other === operation) operations.set(key, { ...operation, timedOut: true });
      record.saga = { ...record.saga, operations };
    }
    setTimes(record, operation, { leaseUntil: beat.timedOut ? now : now + beat.leaseMs });
    return { held: true, wanted: mayGoOn(operation, record.saga) };
  }

  async sweep(request: SweepRequest): Promise<SweepResult> {
    return sweepRecords([...this.records.values()], request, this.now(), (action) => this.pauses.has(action));
  }

  async find(sagaId: string): Promise<StoredSaga | null> {
    const record = this.records.get(sagaId);
    return record === undefined ? null : storedSaga(record);
  }

  async outputs(sagaId: string, steps: readonly number[]): Promise<ReadonlyMap<number, Json>> {
    const record = this.records.get(sagaId);
    return record === undefined ? new Map() : structuredClone(outputsOf(record, steps));
  }

  async list(query: SagaQuery): Promise<readonly StoredSaga[]> {
    return listed(this.records, query);
  }

  async states(sagaIds: readonly string[]): Promise<ReadonlyMap<string, SagaState>> {
    return ofEach(this.records, sagaIds, ({ saga }) => saga.state);
  }

  async glance(sagaIds: readonly string[]): Promise<ReadonlyMap<string, SagaGlance>> {
    return ofEach(this.records, sagaIds, glanceAt);
  }

  async delete(sagaId: string): Promise<DeleteResult> {
    const record = this.records.get(sagaId);
    if (record === undefined) return 'missing';
    if (!isTerminal(record.saga.state)) return { active: record.saga.state };
    if (record.saga.attention) return 'attention';
    const above = this.activeAbove(record);
    if (above !== undefined) return { active: above.saga.state, of: above.saga.id };
    if (record.businessKey !== null) this.keys.outlive(record.saga.name, record.businessKey, record.saga.state);
    this.records.delete(sagaId);
    this.signals.forget(sagaId);
    return 'deleted';
  }

  /** Of the sagas that it is a part of, however deep, one that has not ended: it may still have to undo what this one has done. */
  private activeAbove(record: SagaRecord): SagaRecord | undefined {
    const parent = this.records.get(record.saga.parent?.sagaId ?? '');
    if (parent === undefined || !isTerminal(parent.saga.state) || parent.saga.attention) return parent;
    return this.activeAbove(parent);
  }

  async purge({ finishedMs, quarantinedMs, limit }: PurgeRequest): Promise<PurgeResult> {
    const now = this.now();
    const isOld = ({ completedAt, saga }: SagaRecord): boolean =>
      finishedMs !== null && completedAt !== null && completedAt <= now - finishedMs && !saga.attention;
    const old = [...this.records.values()].filter((record) => isOld(record) && this.activeAbove(record) === undefined);
    const sagas = old.slice(0, limit);
    for (const { saga } of sagas) await this.delete(saga.id);
    return { sagas: sagas.length, messages: this.quarantined.purge(quarantinedMs, limit) };
  }

  async history(sagaId: string): Promise<readonly StoredHistoryEntry[]> {
    return structuredClone(this.records.get(sagaId)?.history ?? []);
  }

  async writeHandlers(group: string, declarations: readonly HandlerDeclaration[]): Promise<void> {
    this.handlers.write(group, declarations);
  }

  async leaveHandlers(group: string): Promise<void> {
    this.handlers.leave(group);
  }

  async readHandlers(): Promise<readonly StoredHandler[]> {
    return this.handlers.read();
  }

  async missingHandlers(offered: readonly HandlerName[]): Promise<readonly MissingHandler[]> {
    return missingInRecords([...this.records.values()], offered);
  }

  async quarantine(message: QuarantinedMessage): Promise<void> {
    this.quarantined.add(message);
  }

  /** Memory has no transactions: a manager is not asked. */
  async addEvent(event: OutboxEvent): Promise<{ readonly committed: null }> {
    this.outbox.add(event);
    return { committed: null };
  }

  async takeEvents(request: TakeEventsRequest): Promise<readonly StoredEvent[]> {
    return this.outbox.take(request);
  }

  async dropEvents(ids: readonly string[]): Promise<void> {
    this.outbox.drop(ids);
  }

  async returnEvents(taker: string, events: readonly ReturnedEvent[]): Promise<void> {
    this.outbox.giveBack(taker, events);
  }

  /** A manager is not asked, as above. */
  async addSignal(signal: SagaMessage): Promise<AddSignalResult> {
    return this.signals.add(signal, this.records.get(signal.sagaId));
  }

  async nextSignal(sagaId: string, name: string): Promise<SagaMessage | null> {
    return this.signals.next(name, this.records.get(sagaId));
  }

  async secrets(): Promise<readonly StoredSecret[]> {
    return [{ id: 1, key: this.key }];
  }

  async pauseAction(action: string, by: OrderedBy): Promise<void> {
    this.pauses.pause(action, by);
  }

  async resumeAction(action: string, _by: OrderedBy): Promise<void> {
    this.pauses.resume(action);
    await this.rouse([action]);
  }

  async rouse(keys: readonly string[]): Promise<void> {
    for (const record of this.records.values()) rouseRecord(record, keys, this.now());
  }

  async pausedActions(): Promise<readonly PausedAction[]> {
    return this.pauses.all();
  }

  async inspect(sagaId: string): Promise<InspectedSaga | null> {
    const record = this.records.get(sagaId);
    return record === undefined ? null : inspectedSaga(record, storedSaga(record), this.pauses.all(), this.now());
  }
}
