import { SagaClosedError } from '../errors';
import type { StepList } from '../core/step-spec';
import type { Direction } from '../core/operation';
import type { Identity } from '../ports/identity';
import type { MessageTransport, WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { StartRequest } from '../ports/saga-start';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler, Timer } from '../ports/scheduler';
import type { ShutdownNotice } from '../ports/shutdown-notice';
import type { StepInvoker } from '../ports/step-invoker';
import { ActionPauses } from './action-pauses';
import { AttemptReporter } from './attempt-reporter';
import { AttemptRunner } from './attempt-runner';
import { CallbackTokens } from './callback-tokens';
import { Callbacks } from './callbacks';
import { ChildSagas } from './child-sagas';
import { Committer } from './committer';
import { ConditionGate } from './condition-gate';
import { Dispatcher } from './dispatcher';
import { EventStreams } from './event-streams';
import { EventWriter, type PublishedEvent } from './event-writer';
import type { EngineOptions } from '../options/engine-options';
import { HandlerBook } from './handler-book';
import { Heartbeats } from './heartbeats';
import { Janitor } from './janitor';
import { MissingHandlers } from './missing-handlers';
import { Onlookers } from './onlookers';
import { OutboxRelay } from './outbox-relay';
import { OwnHandlers } from './own-handlers';
import type { PublishOptions } from './publish-options';
import type { PushStream } from './push-stream';
import { SagaOrders } from './saga-orders';
import { SagaQueries } from './saga-queries';
import { Signals } from './signals';
import type { StartOptions } from './start-options';
import type { StartSeat } from './start-seat';
import { Starter, type StartedSaga } from './starter';
import { Sweeper } from './sweeper';
import { systemScheduler } from './system-scheduler';
import { TransactionalRunner } from './transactional-runner';
import { Waiters } from './waiters';
import { Watchers, type SagaWatchEvent } from './watchers';
import { Workers } from './workers';

export interface EngineParts {
  readonly store: SagaStore;
  readonly transport: MessageTransport;
  readonly invoker: StepInvoker;
  readonly observer: SagaObserver;
  readonly identity: Identity;
  /** Default: only `stop` and `close` end the work. */
  readonly shutdown?: ShutdownNotice;
  /** Default: the time of this process. */
  readonly scheduler?: Scheduler;
}

/** Handlers that were told to stop get this long to say so. */
const LAST_WORDS_MS = 1_000;
/** Closing waits this long for a broker or a database that does not answer. */
const CLOSE_MS = 5_000;

type Phase = 'new' | 'open' | 'running' | 'stopped' | 'closed';

/** The engine of one process: wires its parts together and owns their life. */
export class SagaEngine {
  readonly streams = new EventStreams();
  private readonly watchers: Watchers;
  readonly queries: SagaQueries;
  readonly orders: SagaOrders;
  readonly actionPauses: ActionPauses;
  readonly callbacks: Callbacks;
  readonly signals: Signals;
  private phase: Phase = 'new';
  private opening: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private readonly heartbeats: Heartbeats;
  private readonly waiters: Waiters;
  private readonly dispatcher: Dispatcher;
  private readonly committer: Committer;
  private readonly runner: AttemptRunner;
  private readonly workers: Workers;
  private readonly sweeper: Sweeper;
  private readonly book: HandlerBook;
  private readonly starter: Starter;
  private readonly janitor: Janitor;
  private readonly relay: OutboxRelay;
  private readonly events: EventWriter;
  private readonly tokens: CallbackTokens;
  private readonly own: OwnHandlers;

  constructor(
    private readonly parts: EngineParts,
    private readonly options: EngineOptions,
  ) {
    const { store, transport, invoker, observer, identity, scheduler = systemScheduler } = parts;
    const runHere = (wakeUp: WakeUp): boolean => this.phase === 'running' && this.workers.wake(wakeUp);
    const works = options.workers.action + options.workers.undo > 0;
    this.heartbeats = new Heartbeats(store, observer, options, scheduler);
    this.waiters = new Waiters(store, transport, observer, options.waitPollMs, scheduler, (sagaId) => this.workers.isRunning(sagaId));
    this.dispatcher = new Dispatcher(transport, observer, options.brokerFallbackMs, runHere, scheduler);
    this.watchers = new Watchers(store, this.waiters, observer, scheduler);
    const onlookers = new Onlookers(this.streams, this.watchers);
    const lookIn = (ms: number): void => this.sweeper.hurry(ms);
    this.committer = new Committer(store, this.dispatcher, this.heartbeats, this.waiters, observer, options, lookIn, onlookers, scheduler);
    const { limits } = options.plan;
    const children = new ChildSagas(
      store,
      (request) => this.keepChild(request),
      (sagaId, order) => this.committer.commit(sagaId, order),
      identity,
      options,
    );
    this.own = new OwnHandlers(children);
    const handlers = withOwn(invoker, this.own);
    this.tokens = new CallbackTokens(store, identity, scheduler);
    this.callbacks = new Callbacks(this.tokens, store, this.committer, observer, limits);
    this.signals = new Signals(store, this.committer, identity, observer, limits);
    const bring = (sagaId: string, name: string): Promise<void> => this.signals.bring(sagaId, name);
    const reporter = new AttemptReporter(this.committer, observer, options, (sagaId, name) => void bring(sagaId, name), scheduler);
    const transactional = new TransactionalRunner(store, invoker, this.heartbeats, reporter, observer, options, limits, scheduler);
    const gate = new ConditionGate(invoker, this.heartbeats, reporter, scheduler);
    this.runner = new AttemptRunner(
      ...([
        invoker,
        this.committer,
        this.heartbeats,
        reporter,
        transactional,
        options,
        limits,
        this.own,
        gate,
        store,
        this.tokens,
      ] as const),
      lookIn,
      scheduler,
    );
    this.workers = new Workers(store, handlers, this.runner, observer, identity, options, scheduler);
    this.sweeper = new Sweeper(store, this.dispatcher, this.committer, observer, options, runHere, bring, scheduler);
    const warn = (message: string): void => observer.notify({ type: 'engine.trouble', where: 'start', error: new Error(message) });
    const missing = new MissingHandlers(store, observer, options.missingHandlers);
    this.book = new HandlerBook(store, invoker.declarations, options.group, works, warn, missing, scheduler);
    this.janitor = new Janitor(store, observer, options.retention, scheduler);
    const seatForStart = (): StartSeat | null => (this.phase === 'running' ? this.workers.seatForStart() : null);
    this.starter = new Starter(store, this.book, this.committer, observer, identity, seatForStart, options);
    this.relay = new OutboxRelay(store, transport, observer, options, `${identity.worker} ${identity.newId()}`, scheduler);
    this.events = new EventWriter(store, identity, options.plan.limits, () => this.relay.hurry());
    const lookNow = (): void => this.sweeper.hurry(0);
    this.queries = new SagaQueries(store, this.waiters, options.graceMs, (verb) => this.refuseWhenClosed(verb), scheduler);
    this.orders = new SagaOrders(this.committer, this.queries, options.plan.limits, lookNow);
    this.actionPauses = new ActionPauses(store, this.book, lookNow);
  }

  /** Whether this process can take work: the reason when it cannot. */
  get trouble(): string | null {
    if (this.phase !== 'running' && this.phase !== 'open') return `the engine is ${this.phase}`;
    return this.workers.exhausted ? 'too many handlers outlived their timeout' : null;
  }

  /** Opens the store and begins to connect to the broker. A broker that is down delays nothing. */
  open(): Promise<void> {
    return (this.opening ??= this.openParts());
  }

  private async openParts(): Promise<void> {
    const { store, transport } = this.parts;
    await store.open();
    try {
      await this.tokens.open();
      await this.book.open();
      await transport.open();
    } catch (error) {
      await store.close(); // a process that does not start must not be kept alive by our connections
      throw error;
    }
    this.phase = 'open';
  }

  /** Begins to work: consumes wake-ups and sweeps. */
  async run(): Promise<void> {
    await this.open();
    if (this.phase === 'running') return;
    if (this.phase !== 'open' || this.closing !== undefined) throw new SagaClosedError('run');
    this.phase = 'running';
    this.parts.shutdown?.listen(() => void this.stop());
    this.consume('action', 'step');
    this.consume('undo', 'compensation');
    this.sweeper.start();
    this.janitor.start();
    this.relay.start();
  }

  private consume(direction: Direction, what: string): void {
    const slots = this.options.workers[direction];
    const { declarations } = this.parts.invoker;
    if (slots === 0 || declarations.length === 0) return; // a process without handlers has no work of its own either
    const keys = declarations.filter((declaration) => declaration.direction === direction).map(({ key }) => key);
    this.parts.transport.consume({
      direction,
      keys: [...keys, ...this.own.keys(direction)],
      prefetch: slots,
      onDelivery: (delivery) => this.workers.receive(delivery),
      onUnreadable: async (message) => {
        await this.parts.store.quarantine(message);
        this.parts.observer.notify({ type: 'message.quarantined', source: `${what}: ${message.source}`, reason: message.reason });
      },
    });
  }

  /** Takes no more work and waits for what runs, up to the drain time; then its handlers are told to stop and left to others. */
  async stop(): Promise<void> {
    if (this.phase === 'running') this.stopping = this.stopParts();
    await this.stopping;
  }

  private async stopParts(): Promise<void> {
    this.phase = 'stopped';
    this.runner.drain();
    const drained = this.workers.drain();
    const { sweeper, janitor } = this;
    const relayed = drained.then(() => this.relay.stop()); // what the last handlers publish is still announced
    const quiet = Promise.all([relayed, this.parts.transport.stop(), sweeper.stop(), janitor.stop()]);
    await this.settledWithin(quiet, this.options.drainMs); // what they complete is still dispatched: the next step should not wait for a sweep
    this.heartbeats.abortAll('the process is shutting down');
    await this.settledWithin(drained, LAST_WORDS_MS);
    await this.settledWithin(this.relay.stop(), LAST_WORDS_MS);
    this.committer.hurry();
  }

  /** Stops, then closes the connections. A call while another is under way waits for that one. */
  async close(): Promise<void> {
    this.closing ??= this.closeParts();
    await this.closing;
  }

  private async closeParts(): Promise<void> {
    await this.opening?.catch(() => undefined); // a process that does not get to start must still be closed
    await this.stop();
    this.parts.shutdown?.close();
    const wasOpen = this.phase !== 'new';
    this.phase = 'closed';
    this.dispatcher.stop();
    this.waiters.close();
    this.streams.close();
    if (!wasOpen) return;
    await this.settledWithin(this.book.close(), CLOSE_MS);
    await this.settledWithin(this.parts.transport.close(), CLOSE_MS);
    await this.settledWithin(this.parts.store.close(), CLOSE_MS);
  }

  async start(name: string, steps: StepList, context: unknown, options: StartOptions): Promise<StartedSaga> {
    this.refuseWhenClosed('start a saga');
    const started = await this.starter.start(name, steps, context, options);
    if (options.deadlineMs !== undefined && started.created) this.sweeper.hurry(options.deadlineMs);
    return started;
  }

  /** @throws SagaClosedError */
  async watch(sagaId: string, stream: PushStream<SagaWatchEvent>): Promise<void> {
    this.refuseWhenClosed('watch a saga');
    await this.watchers.watch(sagaId, stream);
  }

  private async keepChild(request: StartRequest): Promise<StartedSaga> {
    const started = await this.starter.keep(request);
    if (request.deadlineMs !== null && started.created) this.sweeper.hurry(request.deadlineMs);
    return started;
  }

  /** @throws SagaInputError, SagaManagerError */
  async publish(type: string, payload: unknown, options: PublishOptions): Promise<PublishedEvent> {
    this.refuseWhenClosed('publish an event');
    return this.events.write(type, payload, options);
  }

  /** For the repository: an event from outside, and its result. */
  get commits(): Pick<Committer, 'commit'> {
    return this.committer;
  }

  /** Resolves when the work has settled or the time is over. */
  private async settledWithin(work: Promise<unknown>, ms: number): Promise<void> {
    const { scheduler = systemScheduler } = this.parts;
    const timers: Timer[] = [];
    const deadline = new Promise<void>((resolve) => timers.push(scheduler.after(ms, resolve)));
    await Promise.race([work.catch(() => undefined), deadline]);
    for (const timer of timers) timer.cancel();
  }

  private refuseWhenClosed(verb: string): void {
    if (this.phase === 'closed' || this.phase === 'new') throw new SagaClosedError(verb);
  }
}

/** What this process can run: its application's handlers, and the engine's own. */
function withOwn(invoker: StepInvoker, own: OwnHandlers): Pick<StepInvoker, 'has' | 'declarations'> {
  return { declarations: invoker.declarations, has: (kind, key) => invoker.has(kind, key) || own.find(kind, key) !== undefined };
}
