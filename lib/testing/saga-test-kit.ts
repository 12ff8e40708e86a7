import { NestFactory } from '@nestjs/core';
import { Module, type DynamicModule, type INestApplicationContext, type Type } from '@nestjs/common';
import type { DefinedSaga } from '../builder/define-saga';
import type { HandlerKind } from '../core/handler-declaration';
import type { StepList } from '../core/step-spec';
import type { Discovered } from '../discovery/saga.explorer';
import type { Saga } from '../engine/saga';
import type { SagaEngine } from '../engine/saga-engine';
import type { StartOptions } from '../engine/start-options';
import type { StartedSaga } from '../engine/starter';
import type { StoredEvent } from '../ports/outbox-event';
import { SagaModule } from '../saga.module';
import { SagaOperator } from '../saga.operator';
import type { EngineFactory } from '../saga.providers';
import { SagaRuntime } from '../saga.runtime';
import { SagaService, type InputOf, type SagaDefinitionType } from '../saga.service';
import { SAGA_ENGINE_FACTORY } from '../saga.tokens';
import { readStubs } from './handler-stubs';
import { resolveKitOptions, type SagaTestKitOptions, type TestedModules } from './kit-options';
import type { PlannedSteps } from './planned-steps';
import type { RecordedEffect } from './recorded-effect';
import { SagaTestError } from './saga-test.error';
import { StepFaults } from './step-faults';
import { TestRun } from './test-run';
import { VirtualClock } from './virtual-clock';
import { VirtualWorld } from './virtual-world';

/** Brings what makes the engine. */
@Module({})
class TestEngineModule {}

/**
 * Runs sagas in memory, under a clock that skips to whatever is due next, and lets go wrong what a test says. No services, no waiting, no
 * test runner of its own.
 *
 * @example
 * const kit = await SagaTestKit.create({ providers: [OrderSaga, PaymentService, { provide: Bank, useValue: bank }] });
 * kit.step('charge').timesOut();
 * const saga = await kit.run(OrderSaga, { amount: 100 });
 * assert.equal(saga.state, 'compensated', await kit.timeline(saga.id));
 * await kit.close();
 */
export class SagaTestKit {
  /** Moves when it is told to, and by itself while `run`, `until` or `drive` wait. */
  readonly clock: VirtualClock;
  private readonly faults = new Map<string, StepFaults>();
  private app: INestApplicationContext | undefined;
  private runtime: SagaRuntime | undefined;
  private definitions: Discovered['definitions'] = new Map();
  private readonly world: VirtualWorld;

  /** @throws SagaTestError, SagaConfigurationError */
  static async create(options: SagaTestKitOptions = {}): Promise<SagaTestKit> {
    const kit = new SagaTestKit(options);
    await kit.boot(options);
    return kit;
  }

  private constructor(options: SagaTestKitOptions) {
    const resolved = resolveKitOptions(options);
    this.world = new VirtualWorld({
      ...resolved,
      stubs: readStubs(options.handlers ?? {}),
      transaction: options.transaction,
      faultOf: (kind, step) => this.faults.get(nameOf(kind, step))?.next(),
      onRestart: (engine) => this.runtime?.assemble(engine, this.definitions),
    });
    this.clock = new VirtualClock(this.world.time, (until) => this.world.pass(until));
  }

  private async boot({ providers = [], controllers = [], imports = [], options = {}, boot, logger }: SagaTestKitOptions): Promise<void> {
    const modules: TestedModules = {
      imports: [
        this.engineModule(),
        SagaModule.forRoot({ ...options, store: this.world.store, transport: this.world.transport }),
        ...imports,
      ],
      providers: [...providers],
      controllers: [...controllers],
    };
    const make = boot ?? ((tested) => contextOf(tested, logger));
    this.app = await (await make(modules)).init();
    this.runtime = this.app.get(SagaRuntime, { strict: false });
  }

  private engineModule(): DynamicModule {
    const make: EngineFactory = (parts, options, definitions): SagaEngine => {
      this.definitions = definitions;
      return this.world.makeEngine(parts, options);
    };
    return {
      module: TestEngineModule,
      providers: [{ provide: SAGA_ENGINE_FACTORY, useValue: make }],
      exports: [SAGA_ENGINE_FACTORY],
    };
  }

  /** The application around it. */
  get<T>(token: Type<T> | string | symbol): T {
    return this.application.get<T>(token, { strict: false });
  }

  get sagas(): SagaService {
    return this.get(SagaService);
  }

  get operator(): SagaOperator {
    return this.get(SagaOperator);
  }

  /** What handlers were called with, the first call first. */
  get effects(): readonly RecordedEffect[] {
    return this.world.effects;
  }

  /** Names of the steps whose handler was to run, in the order in which they came up: `charge`, `undo charge`, `verify charge`. */
  get reached(): readonly string[] {
    return [...this.world.reached];
  }

  /** What `SagaEvents.publish()` has announced. */
  get events(): readonly StoredEvent[] {
    return this.world.events;
  }

  /** What is to go wrong with a step, by its name in the plan. */
  step(name: string): StepFaults {
    return this.faultsOf('action', name);
  }

  /** What is to go wrong with the compensation of a step, by the step's name. */
  undo(name: string): StepFaults {
    return this.faultsOf('undo', name);
  }

  private faultsOf(direction: 'action' | 'undo', name: string): StepFaults {
    const faults = this.faults.get(nameOf(direction, name)) ?? new StepFaults(direction);
    this.faults.set(nameOf(direction, name), faults);
    return faults;
  }

  /**
   * Starts a saga, and lets time pass until it has ended or is stuck. Takes what `SagaService.start()` takes.
   *
   * @throws whatever `SagaService.start()` throws
   * @throws SagaTestError when it waits for something that does not come by itself, or when `step()` or `undo()` named no step
   */
  run(name: string, steps: StepList, context?: object, options?: StartOptions): Promise<Saga>;
  run<D>(definition: SagaDefinitionType<D>, input: InputOf<D>, options?: StartOptions): Promise<Saga>;
  run<C>(definition: DefinedSaga<C>, context: C, options?: StartOptions): Promise<Saga>;
  async run(...what: unknown[]): Promise<Saga> {
    return (await this.started(what)).end();
  }

  /** Starts a saga, and does not wait for it. */
  start(name: string, steps: StepList, context?: object, options?: StartOptions): Promise<TestRun>;
  start<D>(definition: SagaDefinitionType<D>, input: InputOf<D>, options?: StartOptions): Promise<TestRun>;
  start<C>(definition: DefinedSaga<C>, context: C, options?: StartOptions): Promise<TestRun>;
  async start(...what: unknown[]): Promise<TestRun> {
    return this.started(what);
  }

  private async started(what: readonly unknown[]): Promise<TestRun> {
    const start = this.sagas.start.bind(this.sagas) as (...what: readonly unknown[]) => Promise<StartedSaga>;
    const { id } = await start(...what);
    const run = this.found(id);
    await this.refuseStrangers(run);
    return run;
  }

  /** A saga that was started by other means. */
  found(sagaId: string): TestRun {
    return new TestRun(
      sagaId,
      this.world,
      () => this.sagas,
      () => this.operator,
    );
  }

  /**
   * Lets time pass until the promise settles: for code that waits for sagas itself.
   *
   * @example
   * const answer = await kit.drive(controller.placeOrder(order)); // awaits sagas.execute(…)
   */
  async drive<T>(work: Promise<T>): Promise<T> {
    const state: { isSettled: boolean } = { isSettled: false };
    const settle = (): void => void (state.isSettled = true);
    const settled = work.then(settle, settle);
    for (;;) {
      await this.world.stillness.reached();
      if (state.isSettled) return work;
      if ((await this.world.toNext()) !== null) continue;
      // Nothing more is due, and what is driven may be waiting for something of its own.
      await this.world.stillness.change(() => 'nothing more is due, and what the test drives has not settled', settled);
    }
  }

  /** @internal The steps with which something may go wrong. */
  async planned(sagaId: string): Promise<PlannedSteps> {
    return (await this.world.planned(sagaId)).steps;
  }

  /** What has happened to a saga until now, as text: a line for each event. The same at every run. */
  async timeline(sagaId: string): Promise<string> {
    return this.world.timeline(sagaId);
  }

  /** Ends the application. */
  async close(): Promise<void> {
    const closing = this.application.close();
    this.world.release();
    await this.drive(closing);
  }

  private get application(): INestApplicationContext {
    if (this.app === undefined) throw new SagaTestError('the test kit has not booted');
    return this.app;
  }

  /** What is to go wrong with a step that does not exist never goes wrong, and the test would pass for nothing. */
  private async refuseStrangers({ id }: TestRun): Promise<void> {
    const { name, steps } = await this.world.planned(id);
    const others = [...this.definitions.values()]
      .flatMap((definition) => (definition.name === name ? [] : definition.steps))
      .map((step) => step.name);
    for (const [key, faults] of this.faults) {
      if (!faults.isUntouched) continue;
      const problem = steps.problem(faults.direction, key.slice(key.indexOf(':') + 1), others);
      if (problem !== null) throw new SagaTestError(`saga "${name}" ${problem}; the test says what is to go wrong with it`);
    }
  }
}

function nameOf(kind: HandlerKind, step: string): string {
  return `${kind}:${step}`;
}

async function contextOf(
  { imports, providers, controllers }: TestedModules,
  logger: SagaTestKitOptions['logger'],
): Promise<INestApplicationContext> {
  @Module({})
  class TestedModule {}
  const root: DynamicModule = { module: TestedModule, imports, providers, controllers };
  return NestFactory.createApplicationContext(root, { logger: logger ?? false, abortOnError: false });
}
