import { SagaPlanError } from '../errors';
import type { StandardSchemaV1 } from '../core/standard-schema';
import type { ChildStep, MapStep, PlainStep, SignalStep, SleepStep, StepList, StepSpec } from '../core/step-spec';
import { Recorder } from './recorder';
import type { ChildOptions, EachOptions, SleepOptions, StepOptions, WaitForSignalOptions } from './step-options';
import type { ActionKey, ActionOutput } from '../core/saga-actions';

export interface DefineSagaOptions {
  /** The saga turns back when it has not completed within this many milliseconds. Default: never. */
  readonly deadlineMs?: number;
  /** `continue`: when an undo is given up, those that it was not built on go on. Default: the module's (`halt`). */
  readonly onStuck?: 'halt' | 'continue';
  /**
   * At most this many compensations of the saga at a time, 1 to 1,000; 1 is the strict reverse order of start. Default: the module's (10).
   */
  readonly undosAtOnce?: number;
  /**
   * What the saga takes as its context, in any library that follows standardschema.dev: `start()` refuses anything else with a `SagaInputError`,
   * and stores what the schema makes of it. Default: anything.
   */
  readonly context?: StandardSchemaV1;
}

/** A name that is taken already, as a type error that says so. */
type NewName<Name extends string, Outputs> = Name extends keyof Outputs ? `there is a step "${Name}" already` : Name;

/** What `sagas.start(saga, context)` takes of a saga that was defined step by step. */
export interface DefinedSaga<Context> {
  readonly name: string;
  readonly steps: StepList;
  /** Milliseconds. */
  readonly deadlineMs: number | undefined;
  readonly onStuck: 'halt' | 'continue' | undefined;
  readonly undosAtOnce: number | undefined;
  /** Of the context. */
  readonly schema?: StandardSchemaV1 | undefined;
  /** Says what the context is; nothing is there when the program runs. */
  readonly $context?: Context;
}

/** A saga that was defined step by step: `sagas.start(saga, context)`. Each call returns a new one and leaves the old as it was. */
export class SagaBuilder<Context, Outputs = unknown, Given = Context> implements DefinedSaga<Given> {
  declare readonly $context?: Given;

  constructor(
    readonly name: string,
    readonly steps: StepList,
    readonly deadlineMs: number | undefined,
    readonly onStuck: 'halt' | 'continue' | undefined,
    readonly undosAtOnce: number | undefined,
    readonly schema?: StandardSchemaV1,
  ) {}

  /**
   * A step after everything so far.
   *
   * @throws SagaPlanError when a function makes the input out of anything but properties of what it is given
   */
  step<const Name extends string, Key extends ActionKey>(
    name: NewName<Name, Outputs>,
    options: StepOptions<Context, Outputs, Key>,
  ): SagaBuilder<Context, Outputs & Readonly<Record<Name, ActionOutput<Key>>>, Given> {
    return this.with(specOf(this.name, name, options));
  }

  /** A step that runs another saga, after everything so far. Its output is that of the other's last step. */
  saga<const Name extends string, C = unknown>(
    name: NewName<Name, Outputs>,
    options: ChildOptions<Context, Outputs, C>,
  ): SagaBuilder<Context, Outputs & Readonly<Record<Name, unknown>>, Given> {
    return this.with(childOf(this.name, name, options));
  }

  /** A step that runs one action for each item of a list, after everything so far. Its output is the list of theirs. */
  map<const Name extends string, Key extends ActionKey>(
    name: NewName<Name, Outputs>,
    options: EachOptions<Context, Outputs, Key>,
  ): SagaBuilder<Context, Outputs & Readonly<Record<Name, readonly ActionOutput<Key>[]>>, Given> {
    return this.with(mapOf(this.name, name, options));
  }

  /** A pause after everything so far. */
  sleep<const Name extends string>(name: NewName<Name, Outputs>, options: SleepOptions): SagaBuilder<Context, Outputs, Given> {
    return this.with<Outputs>({ name, ...options } satisfies SleepStep);
  }

  /** A step that waits for `sagas.signal()`, after everything so far. Its output is what the signal brings. */
  signal<const Name extends string>(
    name: NewName<Name, Outputs>,
    options: WaitForSignalOptions,
  ): SagaBuilder<Context, Outputs & Readonly<Record<Name, unknown>>, Given> {
    return this.with({ name, ...options } satisfies SignalStep);
  }

  /** Steps beside each other, after everything so far. None of them may refer to another. */
  parallel<Branches>(
    build: (branches: ParallelBuilder<Context, Outputs>) => ParallelBuilder<Context, Outputs, Branches>,
  ): SagaBuilder<Context, Outputs & Branches, Given> {
    return this.with(build(new ParallelBuilder<Context, Outputs>(this.name, [])).branches);
  }

  private with<More>(element: StepSpec | readonly StepSpec[]): SagaBuilder<Context, More, Given> {
    return new SagaBuilder<Context, More, Given>(
      this.name,
      [...this.steps, element],
      this.deadlineMs,
      this.onStuck,
      this.undosAtOnce,
      this.schema,
    );
  }
}

/** The steps of one parallel group. */
export class ParallelBuilder<Context, Outputs, Branches = unknown> {
  constructor(
    private readonly inSaga: string,
    readonly branches: readonly StepSpec[],
  ) {}

  step<const Name extends string, Key extends ActionKey>(
    name: NewName<Name, Outputs & Branches>,
    options: StepOptions<Context, Outputs, Key>,
  ): ParallelBuilder<Context, Outputs, Branches & Readonly<Record<Name, ActionOutput<Key>>>> {
    return new ParallelBuilder(this.inSaga, [...this.branches, specOf(this.inSaga, name, options)]);
  }

  saga<const Name extends string, C = unknown>(
    name: NewName<Name, Outputs & Branches>,
    options: ChildOptions<Context, Outputs, C>,
  ): ParallelBuilder<Context, Outputs, Branches & Readonly<Record<Name, unknown>>> {
    return new ParallelBuilder(this.inSaga, [...this.branches, childOf(this.inSaga, name, options)]);
  }

  map<const Name extends string, Key extends ActionKey>(
    name: NewName<Name, Outputs & Branches>,
    options: EachOptions<Context, Outputs, Key>,
  ): ParallelBuilder<Context, Outputs, Branches & Readonly<Record<Name, readonly ActionOutput<Key>[]>>> {
    return new ParallelBuilder(this.inSaga, [...this.branches, mapOf(this.inSaga, name, options)]);
  }

  sleep<const Name extends string>(
    name: NewName<Name, Outputs & Branches>,
    options: SleepOptions,
  ): ParallelBuilder<Context, Outputs, Branches> {
    return new ParallelBuilder(this.inSaga, [...this.branches, { name, ...options } satisfies SleepStep]);
  }

  signal<const Name extends string>(
    name: NewName<Name, Outputs & Branches>,
    options: WaitForSignalOptions,
  ): ParallelBuilder<Context, Outputs, Branches & Readonly<Record<Name, unknown>>> {
    return new ParallelBuilder(this.inSaga, [...this.branches, { name, ...options } satisfies SignalStep]);
  }
}

/**
 * Defines a saga step by step, with the types of earlier outputs at hand (see `SagaActions`). The result is plain data, checked when the
 * saga is started.
 *
 * @example
 * const order = defineSaga<{ productId: string; amount: number }>('order_processing')
 *   .step('create', { action: 'orders.create', input: ({ context }) => ({ productId: context.productId }) })
 *   .parallel((p) => p.step('reserve', { action: 'inventory.reserve' }).step('validate', { action: 'shipping.validate' }))
 *   .step('charge', { action: 'payment.charge', input: ({ outputs, context }) => ({ orderId: outputs.create.orderId, amount: context.amount }) });
 */
export function defineSaga<Schema extends StandardSchemaV1>(
  name: string,
  options: DefineSagaOptions & { readonly context: Schema },
): SagaBuilder<StandardSchemaV1.InferOutput<Schema>, unknown, StandardSchemaV1.InferInput<Schema>>;
export function defineSaga<Context = unknown>(name: string, options?: DefineSagaOptions): SagaBuilder<Context>;
export function defineSaga(name: string, options: DefineSagaOptions = {}): SagaBuilder<unknown> {
  return new SagaBuilder<unknown>(name, [], options.deadlineMs, options.onStuck, options.undosAtOnce, options.context);
}

function specOf<Context, Outputs, Key extends string>(saga: string, name: string, options: StepOptions<Context, Outputs, Key>): PlainStep {
  const { input, ...rest } = options;
  return { name, ...rest, ...(input === undefined ? {} : { input: madeOf(saga, name, input) }) };
}

function childOf<Context, Outputs, C>(inSaga: string, name: string, options: ChildOptions<Context, Outputs, C>): ChildStep {
  const { context, ...rest } = options;
  return { name, ...rest, ...(context === undefined ? {} : { context: madeOf(inSaga, name, context) }) };
}

function mapOf<Context, Outputs, Key extends string>(saga: string, name: string, options: EachOptions<Context, Outputs, Key>): MapStep {
  const { when, kind, ...map } = options;
  return {
    name,
    ...(when === undefined ? {} : { when }),
    ...(kind === undefined ? {} : { kind }),
    map: { ...map, over: madeOf(saga, name, options.over) },
  };
}

/** A value as it is, or what a function makes of values that do not exist yet. */
function madeOf(saga: string, step: string, value: unknown): unknown {
  return typeof value === 'function' ? recordedInput(saga, step, value) : value;
}

function recordedInput(saga: string, step: string, make: unknown): unknown {
  const recorder = new Recorder();
  const outputs = new Proxy({}, { get: (_, key) => (typeof key === 'string' ? recorder.output(key) : undefined) });
  const or = (value: unknown, otherwise: unknown): unknown => recorder.or(value, otherwise);
  try {
    return recorder.recorded((make as (from: object) => unknown)({ outputs, context: recorder.context(), or }));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SagaPlanError(saga, [`step "${step}": its input cannot be made: ${why}`]);
  }
}
