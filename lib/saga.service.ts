import { Injectable } from '@nestjs/common';
import { withoutClasses } from './child-classes';
import { SagaWaitInHandlerError } from './errors';
import type { DefinedSaga } from './builder/define-saga';
import { isRecord, knownFields } from './core/known-fields';
import { ACTIVE_STATES, type SagaState } from './core/saga-value';
import type { StepList } from './core/step-spec';
import type { CheckedElement } from './core/typed-handlers';
import type { Saga } from './engine/saga';
import { checkedContext } from './engine/checked-context';
import { completed, executeOptionsOf, type ExecuteOptions } from './engine/execution';
import { insideHandler } from './engine/handler-scope';
import type { OrderOptions } from './engine/ordered-by';
import { PushStream } from './engine/push-stream';
import { sagaIdOf } from './engine/saga-id';
import type { SagaQueries } from './engine/saga-queries';
import { checkContext, checkStartOptions } from './engine/start-options';
import type { SentSignal, SignalOptions } from './engine/signals';
import type { StartOptions } from './engine/start-options';
import type { StartedSaga } from './engine/starter';
import type { SagaStreamEvent, SagaStreamEventType } from './engine/stream-event';
import { toError } from './engine/to-error';
import type { SagaWatchEvent } from './engine/watchers';
import { signalOf, streamFilterOf } from './options/event-stream-options';
import { listQueryOf } from './options/list-query';
import { waitTimeoutOf } from './options/wait-timeout';
import type { StoredHistoryEntry } from './ports/stored-saga';
import { SagaRuntime } from './saga.runtime';

/** A `@SagaDefinition` class. Give it `declare readonly $input: OrderInput` to have the input of `start` checked. */
export type SagaDefinitionType<D = unknown> = abstract new (...args: never[]) => D;

/** What a saga class takes as its input. */
export type InputOf<D> = D extends { readonly $input: infer I } ? I : unknown;

/** A saga that needs no list of steps. */
type Definable = SagaDefinitionType | DefinedSaga<unknown>;

/** What it is started with. */
type InputFor<D> = D extends SagaDefinitionType<infer I> ? InputOf<I> : D extends DefinedSaga<infer C> ? C : never;

function isDefinable(what: unknown): what is Definable {
  // By its shape: of two copies of this package in one application each has a class of its own.
  return typeof what === 'function' || (isRecord(what) && Array.isArray(what['steps']));
}

export interface ListOptions {
  /** Only sagas in one of these states. Default: all. */
  readonly state?: SagaState | readonly SagaState[];
  /** Only sagas with this name. Default: all. */
  readonly name?: string;
  /** True: only sagas that a person should look at, see `Saga.attention`; false: only the others. Default: all. */
  readonly attention?: boolean;
  /** Id of a saga: only those that its steps have started, or that undo these. */
  readonly parent?: string;
  /** 1 to 1,000. Default: 100. */
  readonly limit?: number;
  /** Id of a saga: only those that started before it. For the next page, the last id of this one. */
  readonly before?: string;
}

export interface EventStreamOptions<T extends SagaStreamEventType = SagaStreamEventType> {
  /** Only events of this saga. Default: of all. */
  readonly sagaId?: string;
  /** Only events of sagas with this name. Default: of all. */
  readonly name?: string;
  /** Only these. Default: all. */
  readonly types?: readonly Exclude<T, 'events.dropped'>[];
  /** So many events wait for a slow reader, 1 to 100,000. Default: 1,000. */
  readonly buffer?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

export interface WatchOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

export interface WaitOptions {
  /** How long to wait, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
}

/**
 * Starts sagas and looks after them. Safe to use from `onApplicationBootstrap` on.
 *
 * @example
 * const { id } = await sagas.start('order_processing', [
 *   { name: 'create_order', action: 'orders.create', compensation: 'orders.delete', input: { productId, quantity: 2 } },
 *   { name: 'charge', action: 'payment.charge', compensation: 'payment.refund', input: { amount: 99.99 } },
 * ], { customerId });
 */
@Injectable()
export class SagaService {
  constructor(private readonly runtime: SagaRuntime) {}

  /**
   * Starts a saga: when this returns, it is stored and will run to its end. Nothing is stored when it throws.
   *
   * @throws SagaPlanError naming everything that is wrong with the steps, or what the linter finds that counts as an error
   * @throws SagaInputError when an input, the context or an option cannot be stored
   * @throws SagaConflictError when the business key belongs to a saga with another input
   * @throws SagaBusyError when another start with the same business key holds its lock for too long
   * @throws SagaManagerError when `manager` has no open transaction on the engine's database
   */
  start<D extends Definable>(saga: D, input: InputFor<D>, options?: StartOptions): Promise<StartedSaga>;
  start<const E extends StepList[number]>(
    name: string,
    steps: readonly E[] & readonly CheckedElement<E>[],
    context?: object,
    options?: StartOptions,
  ): Promise<StartedSaga>;
  async start(what: string | Definable, second: unknown, third?: unknown, fourth?: StartOptions): Promise<StartedSaga> {
    const engine = await this.runtime.engine();
    if (typeof what === 'string' || !isDefinable(what)) {
      checkContext(third);
      return engine.start(what, this.plain(second as StepList), third, fourth === undefined ? {} : fourth);
    }
    const { name, steps, deadlineMs, onStuck, undosAtOnce, schema } = typeof what === 'function' ? this.runtime.definitionOf(what) : what;
    const own = {
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(onStuck === undefined ? {} : { onStuck }),
      ...(undosAtOnce === undefined ? {} : { undosAtOnce }),
    };
    const options = { ...own, ...(third === undefined ? {} : checkStartOptions(third)) };
    const context = schema === undefined ? second : await checkedContext(name, schema, second);
    return engine.start(name, this.plain(steps), context, options);
  }

  /** Steps may run sagas that are classes. */
  private plain(steps: StepList): StepList {
    return withoutClasses(steps, (type) => this.runtime.definitionOf(type));
  }

  /**
   * Starts a saga and waits until it has completed, in whichever process that happens. A call that times out changes nothing: the
   * saga goes on. With a business key the call may be repeated.
   *
   * @throws whatever `start` throws
   * @throws SagaFailedError with the saga, when it is `failed` or `compensated`
   * @throws SagaStuckError with the saga, when an undo was given up, or nobody knows whether its pivot took effect
   * @throws SagaWaitTimeoutError, SagaWaitInHandlerError
   */
  execute<D extends Definable>(saga: D, input: InputFor<D>, options?: ExecuteOptions): Promise<Saga>;
  execute<const E extends StepList[number]>(
    name: string,
    steps: readonly E[] & readonly CheckedElement<E>[],
    context?: object,
    options?: ExecuteOptions,
  ): Promise<Saga>;
  async execute(what: string | Definable, second: unknown, third?: unknown, fourth?: unknown): Promise<Saga> {
    if (insideHandler()) throw new SagaWaitInHandlerError('a saga that it executes');
    const { waitMs, startOptions } = executeOptionsOf(isDefinable(what) ? third : fourth);
    const started = isDefinable(what)
      ? await this.start(what as DefinedSaga<unknown>, second, startOptions)
      : await this.start(what, second as StepList, third as object | undefined, startOptions);
    return completed(await this.waitFor(started.id, { timeoutMs: waitMs }));
  }

  /** @throws SagaNotFoundError */
  async get(sagaId: string): Promise<Saga> {
    return (await this.queries()).get(sagaIdOf(sagaId));
  }

  /** The saga, or null when there is none with this id. */
  async find(sagaId: string): Promise<Saga | null> {
    return (await this.queries()).find(sagaId);
  }

  /**
   * The newest first.
   *
   * @throws SagaInputError
   */
  async list(options: ListOptions = {}): Promise<readonly Saga[]> {
    return (await this.queries()).list(listQueryOf(options));
  }

  /**
   * Sagas that are started, compensating or stuck, the newest first.
   *
   * @throws SagaInputError
   */
  async listActive(options: Omit<ListOptions, 'state'> = {}): Promise<readonly Saga[]> {
    return this.list({ ...knownFields(options, 'list options', ['name', 'attention', 'parent', 'limit', 'before']), state: ACTIVE_STATES });
  }

  /**
   * Waits until the saga has ended or is stuck, in whichever process that happens.
   *
   * @throws SagaNotFoundError, SagaWaitTimeoutError
   * @throws SagaWaitInHandlerError when called by a handler
   */
  async waitFor(sagaId: string, options: WaitOptions = {}): Promise<Saga> {
    return (await this.queries()).waitFor(sagaIdOf(sagaId), waitTimeoutOf(options));
  }

  /**
   * What happens to sagas in this process from now on, one event after the other; see `SagaStreamEvent`. Slow reading slows nothing: what
   * does not fit into the buffer is dropped, and an event `events.dropped` says how much. It ends when the loop is left, with `signal`,
   * or with the application. For a saga that runs elsewhere use `watch`.
   *
   * @throws SagaInputError
   * @example
   * for await (const event of sagas.events({ types: ['step.failed'] })) console.log(event.step, event.message);
   */
  events<T extends SagaStreamEventType = SagaStreamEventType>(
    options: EventStreamOptions<T> = {},
  ): AsyncIterableIterator<Extract<SagaStreamEvent, { readonly type: T | 'events.dropped' }>> {
    const stream: AsyncIterableIterator<SagaStreamEvent> = this.runtime.assembledEngine().streams.open(streamFilterOf(options));
    return stream as AsyncIterableIterator<Extract<SagaStreamEvent, { readonly type: T | 'events.dropped' }>>;
  }

  /**
   * How far a saga is, now and whenever that changes, in whichever process it runs, until it has ended or is stuck. What happens in this
   * process is seen at once, what happens elsewhere within a second, its end at once. A slow reader gets the newest. The stream ends by
   * itself, when the loop is left, or with `signal`.
   *
   * @throws SagaInputError; while reading SagaNotFoundError, SagaClosedError
   * @example
   * for await (const { state, done, of } of sagas.watch(id)) console.log(`${state}: ${done} of ${of}`);
   */
  watch(sagaId: string, options: WatchOptions = {}): AsyncIterableIterator<SagaWatchEvent> {
    const signal = signalOf(knownFields(options, 'watch options', ['signal'])['signal'], 'watch options');
    const stream = new PushStream<SagaWatchEvent>({ capacity: 1, signal });
    const begin = async (): Promise<void> => (await this.runtime.engine()).watch(sagaIdOf(sagaId), stream);
    begin().catch((error: unknown) => stream.fail(toError(error)));
    return stream;
  }

  /**
   * Undoes what a running saga has done, or tries the undo of a stuck one again. Returns as soon as that is stored; a saga that is
   * compensating already is left alone. While its pivot runs the wish is remembered, and the pivot's outcome decides.
   *
   * @throws SagaNotFoundError, SagaTerminalError
   * @throws SagaPastPivotError when the pivot has completed
   * @throws SagaStepRefusedError when nobody knows whether the pivot took effect
   */
  async compensate(sagaId: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderSaga('compensate', sagaIdOf(sagaId), options);
  }

  /**
   * Tells a saga something: the oldest signal of a name ends the step `{ name, signal }` that waits for it, now or when it comes to that, and its
   * payload is the step's output. Returns when the signal is stored.
   *
   * @throws SagaNotFoundError, SagaTerminalError
   * @throws SagaInputError when the name, the payload or an option cannot be stored
   * @throws SagaManagerError when `manager` has no open transaction on the engine's database
   */
  async signal(sagaId: string, name: string, payload?: unknown, options: SignalOptions = {}): Promise<SentSignal> {
    return (await this.runtime.engine()).signals.send(sagaIdOf(sagaId), name, payload, options);
  }

  /** Everything that happened to a saga, in order; nothing when there is none with this id. */
  async history(sagaId: string): Promise<readonly StoredHistoryEntry[]> {
    return (await this.queries()).history(sagaId);
  }

  /**
   * Removes a saga that has ended. Its business key is kept, so that it can never start again.
   *
   * @throws SagaNotFoundError, SagaActiveError, SagaAttentionError
   */
  async delete(sagaId: string): Promise<void> {
    await (await this.queries()).delete(sagaIdOf(sagaId));
  }

  /** Begins to work, with `autoStart: false`. */
  async run(): Promise<void> {
    await (await this.runtime.engine()).run();
  }

  /** Takes no more work and waits for what runs. Nest's shutdown does this by itself. */
  async stop(): Promise<void> {
    await this.runtime.engineIfAny?.stop();
  }

  /** Stops, then closes the connections. Nest's shutdown does this by itself. */
  async close(): Promise<void> {
    await this.runtime.engineIfAny?.close();
  }

  /** Why this process cannot take work, or null: for a readiness probe. */
  get trouble(): string | null {
    return this.runtime.engineIfAny?.trouble ?? (this.runtime.isAssembled ? null : 'the application is still starting');
  }

  private async queries(): Promise<SagaQueries> {
    return (await this.runtime.engine()).queries;
  }
}
