import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import { inProcessTransport } from '../adapters/memory/in-process-transport.definition';
import type { HandlerKind } from '../core/handler-declaration';
import { SagaNotFoundError } from '../errors';
import type { EngineOptions } from '../options/engine-options';
import { SagaEngine, type EngineParts } from '../engine/saga-engine';
import type { StoredEvent } from '../ports/outbox-event';
import type { SagaObserver, SagaSignal } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { HandlerContext } from '../ports/step-invoker';
import type { StoreDefinition } from '../ports/store-definition';
import type { TransportDefinition, TransportEnvironment } from '../ports/transport-definition';
import type { ReadStub } from './handler-stubs';
import { IdSource, KitIdentity } from './kit-identity';
import { nextDueMs } from './next-due';
import { PlannedSteps } from './planned-steps';
import type { RecordedEffect } from './recorded-effect';
import { Stillness } from './stillness';
import type { Fault } from './step-faults';
import { timelineOf, type Note } from './timeline';
import { withTransactions, type RunInTransaction } from './transacting-store';
import { VirtualProcess } from './virtual-process';
import { VirtualTime } from './virtual-time';
import { WatchedInvoker, type Surroundings } from './watched-invoker';

export interface WorldOptions {
  readonly startAt: number;
  readonly chance: number;
  readonly seed: number;
  readonly patienceMs: number;
  readonly stubs: readonly ReadStub[];
  readonly transaction: RunInTransaction | undefined;
  readonly faultOf: (kind: HandlerKind, step: string) => Fault | undefined;
  /** The engine of a new process is put in place of that of the dead one. */
  readonly onRestart: (engine: SagaEngine) => void;
}

interface Awaited {
  readonly matches: (signal: SagaSignal) => boolean;
  readonly resolve: () => void;
}

/** What is around the engines of one kit: their time, their store, what runs and what it has done. */
export class VirtualWorld implements Surroundings {
  readonly time: VirtualTime;
  readonly stillness: Stillness;
  readonly effects: RecordedEffect[] = [];
  /** Handlers that were to run, whether they did or something went wrong before. */
  readonly reached = new Set<string>();
  readonly events: StoredEvent[] = [];
  readonly transport: TransportDefinition;
  readonly store: StoreDefinition;
  private readonly sagas: SagaStore;
  private readonly notes = new Map<string, Note[]>();
  private readonly awaited = new Set<Awaited>();
  private made: { readonly parts: EngineParts; readonly options: EngineOptions } | undefined;
  private processes = 0;
  private readonly ids: IdSource;
  /** The moment at which everything due in the store was looked after. */
  private lookedAt = -Infinity;

  constructor(private readonly options: WorldOptions) {
    this.ids = new IdSource(options.seed);
    this.stillness = new Stillness(options.patienceMs);
    this.time = new VirtualTime(options.startAt, options.chance, this.stillness.moved);
    const memory = new InMemorySagaStore(() => this.time.now);
    this.sagas = options.transaction === undefined ? memory : withTransactions(memory, options.transaction);
    this.store = { kind: 'test', problems: () => [], create: () => describedAs(STORE, this.sagas) };
    this.transport = inProcessTransport({ onEvent: (event) => this.events.push(event) });
  }

  /** Every engine here, in place of the module's own. */
  readonly makeEngine = (parts: EngineParts, options: EngineOptions): SagaEngine => {
    const { shutdown: _ofTheSystem, ...rest } = parts;
    this.made = { parts: rest, options };
    return this.newProcess(parts.transport).engine;
  };

  private newProcess(transport = this.transport.create(NO_ENVIRONMENT)): { readonly engine: SagaEngine; readonly process: VirtualProcess } {
    if (this.made === undefined) throw new TypeError('no engine was made yet');
    const { parts, options } = this.made;
    const heard: SagaObserver = { notify: (signal) => this.hear(signal, parts.observer) };
    const process = new VirtualProcess(this.time, this.sagas, transport, heard, this.stillness.moved);
    const { store, scheduler, observer } = process;
    const identity = new KitIdentity(parts.identity, this.ids, `process ${++this.processes}`);
    const invoker = new WatchedInvoker(parts.invoker, this.options.stubs, this.stillness, this, () => this.crash(process));
    return {
      engine: new SagaEngine({ ...parts, invoker, identity, store, transport: process.transport, scheduler, observer }, options),
      process,
    };
  }

  /** Nothing more happens to one that is dead: two handlers of it may be about to kill it. */
  private crash(dying: VirtualProcess): void {
    if (!dying.isAlive) return;
    dying.die();
    for (const effect of this.effects) if (effect.outcome === 'running') Object.assign(effect, { isHeard: false });
    const { engine, process } = this.newProcess();
    this.options.onRestart(engine);
    void this.stillness.whileRunning('the start of a new process', async () => Promise.race([engine.run(), process.death]));
  }

  private hear(signal: SagaSignal, observer: SagaObserver): void {
    observer.notify(signal);
    for (const one of [...this.awaited]) if (one.matches(signal)) one.resolve();
  }

  private async signal(matches: (signal: SagaSignal) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const one: Awaited = {
        matches,
        resolve: () => {
          this.awaited.delete(one);
          resolve();
        },
      };
      this.awaited.add(one);
    });
  }

  /** Every engine is closing: nobody waits for anything any more. */
  release(): void {
    for (const { resolve } of [...this.awaited]) resolve();
  }

  fault(kind: HandlerKind, step: string): Fault | undefined {
    this.reached.add(kind === 'action' ? step : `${kind} ${step}`);
    return this.options.faultOf(kind, step);
  }

  record(effect: RecordedEffect): void {
    this.effects.push(effect);
  }

  note(sagaId: string, what: string, text: string): void {
    const at = this.time.now;
    const notes = this.notes.get(sagaId) ?? [];
    this.notes.set(sagaId, notes);
    void this.sagas.history(sagaId).then(({ length }) => notes.push({ at, after: length, what, text }));
  }

  async timeline(sagaId: string): Promise<string> {
    return timelineOf(await this.sagas.history(sagaId), this.notes.get(sagaId) ?? []);
  }

  async planned(sagaId: string): Promise<{ readonly name: string; readonly steps: PlannedSteps }> {
    const stored = await this.sagas.find(sagaId);
    if (stored === null) throw new SagaNotFoundError(sagaId);
    return { name: stored.plan.name, steps: new PlannedSteps(stored.plan) };
  }

  async givenUp(kind: HandlerKind, { saga, step }: HandlerContext): Promise<void> {
    const direction = kind === 'undo' ? 'undo' : 'action';
    await this.signal(
      (signal) =>
        (signal.type === 'operation.lost' || signal.type === 'operation.failed') &&
        signal.sagaId === saga.id &&
        signal.step === step.name &&
        signal.operation.direction === direction,
    );
  }

  async late({ saga }: HandlerContext, afterMs: number | null): Promise<void> {
    if (afterMs === null) await this.signal((signal) => signal.type === 'saga.ended' && signal.sagaId === saga.id);
    else await new Promise<void>((resolve) => this.time.scheduler().after(afterMs, resolve));
  }

  elapsedMs(): number {
    return this.time.now - this.options.startAt;
  }

  /** Goes on to the next moment in which something happens, and says why then; null when there is none, or none until `until`. */
  async toNext(until = Infinity): Promise<'timer' | 'due' | null> {
    await this.stillness.reached();
    const { timer, due } = await this.next();
    const next = Math.min(timer, due);
    if (next === Infinity || next > until) return null;
    this.goTo(next);
    await this.stillness.reached();
    return timer <= due ? 'timer' : 'due';
  }

  /** Lets time pass until then. */
  async pass(until: number): Promise<void> {
    while ((await this.toNext(until)) !== null);
    this.goTo(until);
    await this.stillness.reached();
  }

  private goTo(at: number): void {
    this.time.goTo(at);
    this.lookedAt = this.time.now;
  }

  private async next(): Promise<{ readonly timer: number; readonly due: number }> {
    const { now } = this.time;
    const timer = this.time.next({ isRoutine: false }) ?? Infinity;
    const dueMs = await nextDueMs(this.sagas, this.made?.options.graceMs ?? 0);
    if (dueMs === null) return { timer, due: Infinity };
    // What is due and is still there when it was looked after waits for another look.
    if (dueMs <= 0 && this.lookedAt === now) return { timer, due: this.time.next({ isRoutine: true }) ?? Infinity };
    return { timer, due: now + Math.max(0, dueMs) };
  }
}

const STORE = 'the memory of a test kit (transactional handlers need its option "transaction")';

const NO_ENVIRONMENT: TransportEnvironment = {
  instance: 'default',
  group: '',
  resolve: () => undefined,
  warn: () => undefined,
  trouble: () => undefined,
};

function describedAs(description: string, store: SagaStore): SagaStore {
  return new Proxy(store, {
    get: (target, key) => {
      if (key === 'description') return description;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
