// Boots an application around SagaModule on the real PostgreSQL and RabbitMQ, in tables, an exchange and queues of its own.
import { type DynamicModule, type LoggerService, Module, type Provider, type Type } from '@nestjs/common';
import { type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  rabbitMqTransport,
  SagaModule,
  type SagaModuleExtras,
  type SagaModuleOptions,
  type SagaObserver,
  SagaOperator,
  SagaRepository,
  SagaService,
  type SagaSignal,
  typeOrmStore,
} from 'nest-saga';
import { DataSource } from 'typeorm';

let made = 0;

/** Names that no other test uses. */
export function freshName(): string {
  return `t${process.pid}_${Date.now().toString(36)}_${++made}`;
}

export interface AppSetup {
  readonly providers?: readonly Provider[];
  readonly controllers?: readonly Type[];
  readonly imports?: readonly (DynamicModule | Type)[];
  readonly options?: Partial<SagaModuleOptions & SagaModuleExtras>;
  /** Of the application's DataSource, beside the defaults. */
  readonly database?: Readonly<Record<string, unknown>>;
  /** Shared by applications that are to work together. Default: a fresh one. */
  readonly namespace?: string;
  readonly logger?: LoggerService | false;
}

export interface SagaApp {
  readonly context: INestApplicationContext;
  readonly sagas: SagaService;
  readonly repository: SagaRepository;
  readonly operator: SagaOperator;
  readonly signals: SagaSignal[];
  /** Resolves with the first signal, past or future, that matches. */
  signal<T extends SagaSignal['type']>(
    type: T,
    matches?: (signal: Extract<SagaSignal, { type: T }>) => boolean,
  ): Promise<Extract<SagaSignal, { type: T }>>;
  close(): Promise<void>;
}

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

const running = new Set<SagaApp>();

/** For `afterEach`. */
export async function closeApps(): Promise<void> {
  await Promise.all([...running].map((app) => app.close()));
}

export function databaseModule(options: AppSetup['database'] = {}): DynamicModule {
  return TypeOrmModule.forRoot({ type: 'postgres', url: process.env.DATABASE_URL ?? '', poolSize: 4, retryAttempts: 1, ...options });
}

/** Small times, so that what takes seconds in production takes moments here. */
export const QUICK = { sweepMs: 100, resendMs: 300, leaseMs: 1_500, heartbeatMs: 400, graceMs: 200, drainMs: 500 } as const;

export async function bootSagaApp({
  providers = [],
  controllers = [],
  imports = [],
  options = {},
  database = {},
  namespace = freshName(),
  logger = false,
}: AppSetup = {}): Promise<SagaApp> {
  const watch = new SignalLog();
  @Module({
    imports: [
      databaseModule(database),
      ...imports,
      SagaModule.forRoot({
        store: typeOrmStore({ schema: namespace, autoMigrate: true }),
        transport: rabbitMqTransport({ exchange: namespace, stepQueue: `${namespace}.steps`, compensateQueue: `${namespace}.compensate` }),
        ...QUICK,
        ...options,
        observers: [watch, ...(options.observers ?? [])],
      }),
    ],
    providers: [...providers],
    controllers: [...controllers],
  })
  class AppModule {}

  const testing = Test.createTestingModule({ imports: [AppModule] });
  testing.setLogger(logger === false ? SILENT : logger);
  const context = await testing.compile();
  try {
    await context.init();
  } catch (error) {
    await context.get(DataSource).destroy(); // Nest does not close what did not start
    throw error;
  }
  const app: SagaApp = {
    context,
    sagas: context.get(SagaService),
    repository: context.get(SagaRepository),
    operator: context.get(SagaOperator),
    signals: watch.seen,
    signal: (type, matches) => watch.next(type, matches),
    close: async () => {
      running.delete(app);
      await context.close();
    },
  };
  running.add(app);
  return app;
}

class SignalLog implements SagaObserver {
  readonly seen: SagaSignal[] = [];
  private readonly waiting = new Set<(signal: SagaSignal) => void>();

  notify(signal: SagaSignal): void {
    this.seen.push(signal);
    for (const look of this.waiting) look(signal);
  }

  async next<T extends SagaSignal['type']>(
    type: T,
    matches: (signal: Extract<SagaSignal, { type: T }>) => boolean = () => true,
  ): Promise<Extract<SagaSignal, { type: T }>> {
    const fits = (signal: SagaSignal): signal is Extract<SagaSignal, { type: T }> =>
      signal.type === type && matches(signal as Extract<SagaSignal, { type: T }>);
    const past = this.seen.find(fits);
    if (past !== undefined) return past;
    return new Promise((resolve) => {
      const look = (signal: SagaSignal): void => {
        if (!fits(signal)) return;
        this.waiting.delete(look);
        resolve(signal);
      };
      this.waiting.add(look);
    });
  }
}
