import { Inject, Injectable, Logger, type Provider } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, ExternalContextCreator, ModuleRef } from '@nestjs/core';
import { NestLogObserver } from './adapters/logging/nest-log.observer';
import { NodeIdentity } from './adapters/node/node-identity';
import { ShutdownListener } from './adapters/node/shutdown-listener';
import { rabbitMqTransport } from './adapters/rabbitmq/rabbitmq-transport.definition';
import { typeOrmStore } from './adapters/typeorm';
import { describeDiscovered, warnAboutDiscovered, warnAboutGlobals } from './discovery/boot-report';
import { Enhancers } from './discovery/enhancers';
import { HandlerRegistry } from './discovery/handler-registry';
import { transactionProblems } from './discovery/transaction-problems';
import { MethodCaller } from './discovery/method-caller';
import { SagaExplorer, type Discovered } from './discovery/saga.explorer';
import { catalogOf } from './core/handler-declaration';
import { isValidName } from './core/names';
import { lintSteps, spokenFinding, type LintFinding } from './core/lint';
import { OWN_ACTIONS } from './core/own-actions';
import { compilePlan } from './core/plan-compiler';
import { ObserverFan } from './engine/observer-fan';
import { SagaEngine, type EngineParts } from './engine/saga-engine';
import { SagaRepository } from './engine/saga-repository';
import { SagaConfigurationError, SagaPlanError } from './errors';
import {
  getSagaCallbacksToken,
  getSagaEventsToken,
  getSagaOperatorToken,
  getSagaRepositoryToken,
  getSagaServiceToken,
} from './inject-saga.decorator';
import { definitionProblems } from './options/definition-problems';
import type { EngineOptions } from './options/engine-options';
import { resolveSagaOptions } from './options/resolve-saga-options';
import type { SagaModuleOptions } from './options/saga-module-options';
import type { TransportEnvironment } from './ports/transport-definition';
import { SagaCallbacks } from './saga.callbacks';
import { SagaEvents } from './saga.events';
import { SagaOperator } from './saga.operator';
import { SagaRuntime } from './saga.runtime';
import { SagaService } from './saga.service';
import { SAGA_ENGINE_FACTORY, SAGA_INSTANCE, SAGA_OPTIONS } from './saga.tokens';

/** What a test provides under `SAGA_ENGINE_FACTORY`. */
export type EngineFactory = (parts: EngineParts, options: EngineOptions, definitions: Discovered['definitions']) => SagaEngine;

const engineOf: EngineFactory = (parts, options) => new SagaEngine(parts, options);

/** Puts one engine together at boot, or says in one error everything that stands in its way. */
@Injectable()
export class SagaAssembler {
  autoStart = true;
  private readonly logger = new Logger('SagaModule');

  constructor(
    @Inject(SAGA_OPTIONS) private readonly options: SagaModuleOptions,
    @Inject(SAGA_INSTANCE) private readonly instance: string,
    @Inject(SagaRuntime) private readonly runtime: SagaRuntime,
    @Inject(SagaExplorer) private readonly explorer: SagaExplorer,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
  ) {}

  /** @throws SagaConfigurationError */
  assemble(): void {
    const resolved = resolveSagaOptions(this.options);
    const instances = this.modules.get<string>(SAGA_INSTANCE, { strict: false, each: true });
    const discovered = this.explorer.explore(this.instance, [...new Set(instances)]);
    const observer = new ObserverFan([new NestLogObserver(), ...resolved.observers]);
    const environment = this.environment(resolved.engine.group, (error) =>
      observer.notify({ type: 'engine.trouble', where: 'transport', error }),
    );
    const { store = typeOrmStore(), transport = rabbitMqTransport() } = (this.options as SagaModuleOptions | null) ?? {};
    const plans = judgePlans(discovered, resolved.engine);
    const problems = [
      ...twins(this.instance, instances),
      ...resolved.problems,
      ...definitionProblems('store', store, environment),
      ...definitionProblems('transport', transport, environment),
      ...discovered.problems,
      ...plans.problems,
      ...plans.findings.filter(({ level }) => level === 'error').map(spokenFinding),
    ];
    if (problems.length > 0) throw new SagaConfigurationError(problems);

    const created = store.create(environment);
    const unsupported = transactionProblems(discovered, created);
    if (unsupported.length > 0) throw new SagaConfigurationError(unsupported);
    const parts = {
      store: created,
      transport: transport.create(environment),
      invoker: new HandlerRegistry(discovered.handlers),
      observer,
      identity: new NodeIdentity(),
      shutdown: new ShutdownListener(),
    };
    this.autoStart = resolved.autoStart;
    const make = environment.resolve<EngineFactory>(SAGA_ENGINE_FACTORY) ?? engineOf;
    this.runtime.assemble(make(parts, resolved.engine, discovered.definitions), discovered.definitions);
    this.report(discovered, resolved.engine, parts);
    for (const finding of plans.findings) this.logger.warn(spokenFinding(finding));
  }

  private report(
    discovered: Discovered,
    { group, plan, workers }: EngineOptions,
    on: { readonly store: { readonly description: string }; readonly transport: { readonly description: string } },
  ): void {
    const name = this.instance === 'default' ? '' : ` "${this.instance}"`;
    const inGroup = group === '' ? '' : ` (group "${group}")`;
    this.logger.log(`saga engine${name}${inGroup} on ${on.store.description} and ${on.transport.description}`);
    for (const line of describeDiscovered(discovered, plan, workers)) this.logger.log(line);
    const ofGlobals = discovered.handlers.length > 0 ? warnAboutGlobals(this.application) : [];
    for (const warning of [...warnAboutDiscovered(discovered, workers), ...ofGlobals]) this.logger.warn(warning);
  }

  private environment(group: string, trouble: (error: Error) => void): TransportEnvironment & { warn(message: string): void } {
    return {
      instance: this.instance,
      group,
      trouble,
      warn: (message) => this.logger.warn(message),
      resolve: <T>(token: unknown): T | undefined => {
        try {
          return this.modules.get<T>(token as never, { strict: false });
        } catch {
          return undefined;
        }
      },
    };
  }
}

/** What is wrong with the plans that are classes, and what the linter says of those that could run. */
function judgePlans({ definitions, handlers }: Discovered, { lint, plan }: EngineOptions): PlanVerdict {
  const catalog = catalogOf([...handlers.map(({ declaration }) => declaration), ...OWN_ACTIONS]);
  // Which handlers other processes have is not known yet.
  const options = { ...lint, rules: { ...lint.rules, 'unknown-key': 'off' as const } };
  const problems: string[] = [];
  const findings: LintFinding[] = [];
  for (const { name, steps } of definitions.values()) {
    if (!isValidName(name) || steps.length === 0) continue; // what is wrong with the class itself has been said
    try {
      compilePlan(name, steps, catalog, { ...plan, unknownKeys: 'warn' });
      findings.push(...lintSteps(name, steps, catalog, plan.limits, options));
    } catch (error) {
      if (!(error instanceof SagaPlanError)) throw error;
      problems.push(...error.problems.map((problem) => `saga "${name}": ${problem}`));
    }
  }
  return { problems, findings };
}

interface PlanVerdict {
  readonly problems: readonly string[];
  readonly findings: readonly LintFinding[];
}

/** Two engines of one name would share their tables and queues, and each would have the handlers of both. */
function twins(instance: string, instances: readonly string[]): readonly string[] {
  const isTwin = instances.filter((name) => name === instance).length > 1;
  return isTwin ? [`two SagaModules are called "${instance}"; give one a name: SagaModule.forRoot({ name: 'billing', … })`] : [];
}

/** The providers of one `SagaModule`. */
export function sagaProviders(instance: string): Provider[] {
  return [
    { provide: SAGA_INSTANCE, useValue: instance },
    { provide: SagaRuntime, useFactory: () => new SagaRuntime() },
    {
      provide: MethodCaller,
      useFactory: (contexts: ExternalContextCreator, application: ApplicationConfig) =>
        new MethodCaller(contexts, new Enhancers(application)),
      inject: [ExternalContextCreator, ApplicationConfig],
    },
    {
      provide: SagaExplorer,
      useFactory: (discovery: DiscoveryService, caller: MethodCaller) => new SagaExplorer(discovery, caller),
      inject: [DiscoveryService, MethodCaller],
    },
    SagaAssembler,
    { provide: getSagaServiceToken(instance), useFactory: (runtime: SagaRuntime) => new SagaService(runtime), inject: [SagaRuntime] },
    { provide: getSagaEventsToken(instance), useFactory: (runtime: SagaRuntime) => new SagaEvents(runtime), inject: [SagaRuntime] },
    {
      provide: getSagaRepositoryToken(instance),
      useFactory: (runtime: SagaRuntime, options: SagaModuleOptions) =>
        new SagaRepository(() => runtime.engine(), resolveSagaOptions(options).engine.plan.limits),
      inject: [SagaRuntime, SAGA_OPTIONS],
    },
    { provide: getSagaCallbacksToken(instance), useFactory: (runtime: SagaRuntime) => new SagaCallbacks(runtime), inject: [SagaRuntime] },
    { provide: getSagaOperatorToken(instance), useFactory: (runtime: SagaRuntime) => new SagaOperator(runtime), inject: [SagaRuntime] },
  ];
}

const EXPORTED = [getSagaServiceToken, getSagaRepositoryToken, getSagaEventsToken, getSagaOperatorToken, getSagaCallbacksToken] as const;

export function sagaExports(instance: string): ReturnType<(typeof EXPORTED)[number]>[] {
  return EXPORTED.map((tokenOf) => tokenOf(instance));
}
