import { Program } from '../order-sample/program';

/** A worker that is started again whenever it dies, as a supervisor of processes does. */
export class SupervisedWorker {
  /** How each process ended that was not told to. */
  readonly deaths: { readonly code: number | null; readonly signal: string | null }[] = [];
  private current: Program;
  private isWanted = true;
  private readonly watching: Promise<void>;

  constructor(private readonly env: Readonly<Record<string, string>>) {
    this.current = startWorker(env);
    this.watching = this.watch();
  }

  async isAtWork(): Promise<void> {
    await this.current.says(/^at work$/);
  }

  private async watch(): Promise<void> {
    for (;;) {
      const how = await this.current.ended;
      if (!this.isWanted) return;
      this.deaths.push(how);
      this.current = startWorker(this.env);
    }
  }

  async dismiss(): Promise<void> {
    this.isWanted = false;
    await this.current.end('SIGKILL');
    await this.watching;
  }
}

export function startWorker(env: Readonly<Record<string, string>>): Program {
  return new Program('test/e2e/worker-process/worker.mjs', env);
}
