// What the suites about a database in trouble have in common: handlers whose effects are in that database, and what its tables say.
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Compensate, type CompensationContext, SagaDatabaseError, SagaStep, type StepContext, StepError, type StepList } from 'nest-saga';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { until } from './order-sample/until';

const PATIENT = { attempts: 1_000, backoff: 'fixed', baseMs: 20 } as const;

/** Every effect is a row under its idempotency key, by way of the application's own pool. `held` steps wait for `letGo`. */
@Injectable()
export class Effects {
  letGo: () => void = () => undefined;
  private readonly free = new Promise<void>((resolve) => (this.letGo = resolve));

  constructor(private readonly dataSource: DataSource) {}

  @SagaStep('do', { retry: PATIENT }) async do(input: { readonly fails?: boolean }, ctx: StepContext) {
    if (input.fails === true) throw new StepError({ message: 'no', retryable: false });
    await this.write(ctx.idempotencyKey, `${ctx.saga.id} ${ctx.step.name}`);
  }

  @SagaStep('held', { retry: PATIENT }) async held(input: { readonly outputLength: number }, ctx: StepContext) {
    await this.free;
    await this.write(ctx.idempotencyKey, `${ctx.saga.id} ${ctx.step.name}`);
    return noise(input.outputLength);
  }

  @Compensate('undo', { for: 'do', retry: PATIENT }) async undo(_output: unknown, ctx: CompensationContext) {
    await this.dataSource.query('UPDATE effects SET undone = true WHERE key = $1', [ctx.actionIdempotencyKey]);
  }

  private async write(key: string, what: string): Promise<void> {
    await this.dataSource.query('INSERT INTO effects (key, what) VALUES ($1, $2) ON CONFLICT DO NOTHING', [key, what]);
  }
}

const step = (name: string, fails = false) => ({ name, action: 'do', input: { fails } });
export const GOOD: StepList = [step('a'), [step('b'), step('c')], step('d')];
export const BAD: StepList = [step('a'), [step('b'), step('c')], step('d', true)];
/** The first step waits; its output is as long as said. */
export const held = (outputLength = 0): StepList => [{ name: 'h', action: 'held', compensation: null, input: { outputLength } }, step('a')];
/** Does not compress, so that it takes its space. */
export const noise = (length: number): string =>
  randomBytes(Math.ceil(length / 2))
    .toString('hex')
    .slice(0, length);

export async function makeEffects(url: string): Promise<void> {
  await withClient(url, (client) =>
    client.query('CREATE TABLE IF NOT EXISTS effects (key text PRIMARY KEY, what text, undone boolean DEFAULT false)'),
  );
}

/** What was done and not undone, as `<saga> <step>`. */
export async function standingEffects(url: string): Promise<readonly string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ what: string }>('SELECT what FROM effects WHERE NOT undone ORDER BY what');
    return rows.map(({ what }) => what);
  });
}

export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whole sagas and nothing else: each with all of its inputs and operations, and one line of history for each of its changes. */
export async function expectWholeSagas(url: string, schema: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string; problem: string | null }>(
      `SELECT s.id, concat_ws(', ',
          CASE WHEN s.rev <> (SELECT count(*) FROM "${schema}".history h WHERE h.saga_id = s.id AND h.rev <= s.rev) THEN 'history' END,
          CASE WHEN jsonb_array_length(p.body -> 'steps') + 1 <> (SELECT count(*) + coalesce(sum(jsonb_array_length(i.steps)), 0) FROM "${schema}".inputs i WHERE i.saga_id = s.id) THEN 'inputs' END,
          CASE WHEN jsonb_array_length(p.body -> 'steps') <> (SELECT count(*) FROM "${schema}".operations o
                 WHERE o.saga_id = s.id AND o.direction = 'action') THEN 'operations' END) AS problem
         FROM "${schema}".sagas s JOIN "${schema}".plans p ON p.hash = s.plan_hash`,
    );
    const broken = rows.filter(({ problem }) => problem !== '');
    if (broken.length > 0) throw new Error(`not whole: ${broken.map(({ id, problem }) => `${id} (${problem ?? ''})`).join('; ')}`);
    const { rows: strays } = await client.query(
      `SELECT 1 FROM "${schema}".history h LEFT JOIN "${schema}".sagas s ON s.id = h.saga_id WHERE s.id IS NULL
       UNION ALL SELECT 1 FROM "${schema}".operations o LEFT JOIN "${schema}".sagas s ON s.id = o.saga_id WHERE s.id IS NULL`,
    );
    if (strays.length > 0) throw new Error(`${strays.length} rows without their saga`);
    return rows.length;
  });
}

export async function refusal(promise: Promise<unknown>): Promise<SagaDatabaseError> {
  const error: unknown = await promise.then(
    () => new Error('it was expected to be refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SagaDatabaseError)) throw error;
  return error;
}

/** The engine's backends of everybody on this server, as the server sees them. */
export async function engineBackends(url: string, where = 'true'): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE '%nest-saga' AND ${where}`,
    );
    return rows[0]?.count ?? 0;
  });
}

export async function untilEngineBackends(url: string, count: number, where = 'true'): Promise<void> {
  await until(`${count} backends of the engine that are ${where}`, async () => {
    return (await engineBackends(url, where)) === count ? true : undefined;
  });
}

/** For `beforeEach`: what nobody caught, which Node ends a process for. */
export class Uncaught {
  readonly reasons: unknown[] = [];
  private readonly note = (reason: unknown): void => void this.reasons.push(reason);

  watch(): void {
    process.on('unhandledRejection', this.note);
  }

  /** A rejection is told of after the microtasks of its turn. */
  async stop(): Promise<readonly unknown[]> {
    await new Promise(setImmediate);
    process.off('unhandledRejection', this.note);
    return this.reasons;
  }
}
