import type { DynamicModule, ForwardReference, INestApplicationContext, LoggerService, Provider, Type } from '@nestjs/common';
import { unknownFieldProblems, isRecord } from '../core/known-fields';
import type { SagaModuleOptions } from '../options/saga-module-options';
import type { HandlerStubs } from './handler-stubs';
import { SagaTestError } from './saga-test.error';
import type { RunInTransaction } from './transacting-store';

type Import = Type | DynamicModule | Promise<DynamicModule> | ForwardReference;

/** What an application under test is made of. */
export interface TestedModules {
  readonly imports: Import[];
  readonly providers: Provider[];
  readonly controllers: Type[];
}

/** What `SagaTestKit.create()` takes. Every field is optional. */
export interface SagaTestKitOptions {
  /** Services with handlers, `@SagaDefinition` classes, and what they need: `{ provide: Bank, useValue: fakeBank }`. */
  readonly providers?: readonly Provider[];
  readonly controllers?: readonly Type[];
  /** Modules of the application, without its `SagaModule.forRoot()`: the kit has one of its own. */
  readonly imports?: readonly Import[];
  /** Functions in place of handlers, or beside them. Default: none. */
  readonly handlers?: HandlerStubs;
  /** Of `SagaModule.forRoot()`: `defaults`, times, limits. Default: as there. */
  readonly options?: Omit<SagaModuleOptions, 'store' | 'transport' | 'autoStart' | 'group'>;
  /**
   * Makes the application, for whoever wants to do that with `@nestjs/testing`. Default: `NestFactory.createApplicationContext()`.
   *
   * @example
   * boot: (modules) => Test.createTestingModule(modules).overrideProvider(Bank).useValue(fakeBank).compile()
   */
  readonly boot?: (modules: TestedModules) => Promise<INestApplicationContext>;
  /** Runs the handlers with `transactional: true`: `(work) => dataSource.transaction(work)`. Default: there must be none. */
  readonly transaction?: RunInTransaction;
  /** What the clock shows at first. Default: 2030-01-01T00:00:00Z. */
  readonly startAt?: Date;
  /** What stands for every random number: 0 or more, and less than 1. With 0.5 an exponential delay is half its bound. Default: 0.5. */
  readonly chance?: number;
  /** Kits with the same seed give their sagas the same ids: 0 to 1,000,000. Default: 1. */
  readonly seed?: number;
  /** Real milliseconds after which a handler that does not end fails the test. Default: 4,000. */
  readonly patienceMs?: number;
  /** Default: none, silence. */
  readonly logger?: LoggerService;
}

export interface ResolvedKitOptions {
  readonly startAt: number;
  readonly chance: number;
  readonly seed: number;
  readonly patienceMs: number;
}

const FIELDS = {
  providers: true,
  controllers: true,
  imports: true,
  handlers: true,
  options: true,
  boot: true,
  transaction: true,
  startAt: true,
  chance: true,
  seed: true,
  patienceMs: true,
  logger: true,
} satisfies Record<keyof SagaTestKitOptions, true>;

export const KIT_FIELDS: readonly string[] = Object.keys(FIELDS);

const DEFAULT_START = Date.UTC(2030, 0, 1);

/** @throws SagaTestError naming everything that is wrong */
export function resolveKitOptions(options: SagaTestKitOptions): ResolvedKitOptions {
  const given: unknown = options;
  if (!isRecord(given)) throw new SagaTestError(`SagaTestKit.create() takes an object with ${KIT_FIELDS.join(', ')}`);
  const { startAt = new Date(DEFAULT_START), chance = 0.5, seed = 1, patienceMs = 4_000 } = options;
  const problems = [
    ...unknownFieldProblems(options, KIT_FIELDS),
    ...(startAt instanceof Date && !Number.isNaN(startAt.getTime()) ? [] : ['startAt must be a Date']),
    ...(isWithin(chance, 0, 1) && chance < 1 ? [] : ['chance must be a number from 0 to less than 1']),
    ...(isWithin(seed, 0, 1_000_000) && Number.isInteger(seed) ? [] : ['seed must be a whole number from 0 to 1,000,000']),
    ...(isWithin(patienceMs, 1, 2_147_483_647) ? [] : ['patienceMs must be a number of milliseconds above 0']),
    ...(['boot', 'transaction'] as const).flatMap((name) => (isFunctionIfAny(options[name]) ? [] : [`${name} must be a function`])),
  ];
  if (problems.length > 0) throw new SagaTestError(`the options of the test kit: ${problems.join('; ')}`);
  return { startAt: startAt.getTime(), chance, seed, patienceMs };
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

function isFunctionIfAny(value: unknown): boolean {
  return value === undefined || typeof value === 'function';
}
