import type { SagaModuleOptions } from 'nest-saga';
import { DataSource } from 'typeorm';
import { bootSagaApp, freshName, QUICK, type SagaApp } from '../saga-app';

/** A call of a handler, in the order in which they were made. */
export interface CallRow {
  readonly what: string;
  readonly saga_id: string;
  readonly step: string;
  readonly key: string;
  readonly attempt: number;
  readonly pid: number;
}

/** Where workers in processes of their own work: tables, an exchange and queues, and an application here that only starts sagas. */
export class WorkerSite {
  private constructor(
    readonly namespace: string,
    readonly app: SagaApp,
  ) {}

  /** @param defaults of every plan: they are compiled where a saga starts */
  static async open(defaults: NonNullable<SagaModuleOptions['defaults']> = {}): Promise<WorkerSite> {
    const namespace = freshName();
    const app = await bootSagaApp({ namespace, options: { workers: { steps: 0, compensations: 0 }, defaults } });
    const site = new WorkerSite(namespace, app);
    await site.query(`CREATE TABLE "${namespace}".calls
      (seq bigint GENERATED ALWAYS AS IDENTITY, what text, key text, saga_id text, step text, attempt int, pid int)`);
    await site.query(`CREATE TABLE "${namespace}".effects (key text PRIMARY KEY, what text, saga_id text, step text)`);
    return site;
  }

  /** For a worker's environment. `hooks`: how its application listens to signals. `diesOn`: the signal that it kills itself on, at once. */
  worker(options: object = {}, hooks: 'exit' | 'plain' | 'none' = 'exit', diesOn: object | null = null): Readonly<Record<string, string>> {
    return { WORKER: JSON.stringify({ namespace: this.namespace, options: { ...QUICK, ...options }, hooks, diesOn }) };
  }

  async query<Row>(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return this.app.context.get(DataSource).query<readonly Row[]>(sql, [...values]);
  }

  async calls(what: string): Promise<readonly CallRow[]> {
    return this.query<CallRow>(
      `SELECT what, key, saga_id, step, attempt, pid FROM "${this.namespace}".calls WHERE what = $1 ORDER BY seq`,
      [what],
    );
  }

  /** What took effect, by saga and step: `slow` or `undo.slow`. */
  async effects(): Promise<readonly { readonly what: string; readonly saga_id: string; readonly step: string }[]> {
    return this.query(`SELECT what, saga_id, step FROM "${this.namespace}".effects ORDER BY saga_id, step`);
  }

  async lossesOf(sagaIds: readonly string[]): Promise<number> {
    const [row] = await this.query<{ losses: number }>(
      `SELECT sum(losses)::int AS losses FROM "${this.namespace}".operations WHERE saga_id = ANY ($1)`,
      [sagaIds],
    );
    return row?.losses ?? 0;
  }
}
