// An application whose handlers write into a ledger of its own, in the database of the sagas.
import { Injectable } from '@nestjs/common';
import {
  Compensate,
  type SagaModuleOptions,
  SagaStep,
  type TransactionalCompensationContext,
  type TransactionalStepContext,
} from 'nest-saga';
import { DataSource, type EntityManager } from 'typeorm';
import { type AppSetup, bootSagaApp, freshName, type SagaApp } from './saga-app';

export type Booking = TransactionalStepContext<unknown, EntityManager>;
export type Unbooking = TransactionalCompensationContext<unknown, unknown, EntityManager>;

@Injectable()
export class Ledger {
  table = '';
  readonly undone: { output: unknown; outcome: string }[] = [];
  runs = 0;
  work: (ctx: Booking) => unknown = (ctx) => this.book(ctx);
  undo: (ctx: Unbooking) => unknown = (ctx) => this.book(ctx, -1);

  async book(ctx: { readonly manager: EntityManager; readonly idempotencyKey: string }, amount = 1): Promise<string> {
    await ctx.manager.query(`INSERT INTO ${this.table} (key, amount) VALUES ($1, $2)`, [ctx.idempotencyKey, amount]);
    return 'booked';
  }

  @SagaStep('ledger.book', { transactional: true }) async doBook(_input: unknown, ctx: Booking) {
    this.runs++;
    return this.work(ctx);
  }
  @SagaStep('ledger.serial', { transactional: true, isolation: 'SERIALIZABLE' }) async doSerial(_input: unknown, ctx: Booking) {
    this.runs++;
    return this.work(ctx);
  }
  @Compensate('ledger.unbook', { for: 'ledger.book', transactional: true }) async unbook(output: unknown, ctx: Unbooking) {
    this.undone.push({ output, outcome: ctx.outcome });
    return this.undo(ctx);
  }
  @SagaStep('say.no') no() {
    throw new Error('no');
  }
  @SagaStep('plain') plain(_input: unknown, ctx: { readonly manager?: unknown }) {
    return { hasManager: ctx.manager !== undefined };
  }
}

export interface LedgerApp extends SagaApp {
  readonly ledger: Ledger;
  readonly database: DataSource;
  readonly namespace: string;
  /** Keys and amounts, in order. */
  rows(): Promise<readonly { key: string; amount: number }[]>;
}

export async function ledgerApp(
  setup: Omit<AppSetup, 'providers'> & { readonly work?: Ledger['work']; readonly more?: AppSetup['providers'] } = {},
): Promise<LedgerApp> {
  const { work, more = [], namespace = freshName(), ...rest } = setup;
  const app = await bootSagaApp({ providers: [Ledger, ...more], namespace, ...rest, options: { defaults: QUICK_UNDO, ...rest.options } });
  const database = app.context.get(DataSource);
  const ledger = app.context.get(Ledger);
  ledger.table = `"${namespace}".ledger`;
  if (work !== undefined) ledger.work = work;
  await database.query(`CREATE TABLE IF NOT EXISTS ${ledger.table} (seq bigserial, key text NOT NULL, amount int NOT NULL)`);
  return {
    ...app,
    ledger,
    database,
    namespace,
    rows: () => database.query(`SELECT key, amount FROM ${ledger.table} ORDER BY seq`),
  };
}

const QUICK_UNDO: NonNullable<SagaModuleOptions['defaults']> = {
  compensation: { retry: { attempts: 3, backoff: 'fixed', baseMs: 10 } },
};

export const BOOK = [{ name: 'book', action: 'ledger.book' }];
export const BOOK_THEN_FAIL = [...BOOK, { name: 'fail', action: 'say.no' }];
