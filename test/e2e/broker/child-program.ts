import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

interface Answer {
  readonly loaded?: unknown;
  readonly number?: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A program beside this file that takes commands. One that ends by itself fails every call. */
export class ChildProgram {
  private readonly calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private readonly ended: Promise<string>;
  private count = 0;
  private errors = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
  ) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    child.on('message', ({ number = 0, value, error }: Answer) => {
      const call = this.calls.get(number);
      this.calls.delete(number);
      if (error === undefined) call?.resolve(value);
      else call?.reject(new Error(error));
    });
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(String(signal ?? code))));
    void this.ended.then((how) => {
      for (const { reject } of this.calls.values()) reject(this.gone(how));
    });
  }

  /** The program, and what it said when it had started. */
  static async start<Loaded>(file: string, env: NodeJS.ProcessEnv = {}): Promise<readonly [ChildProgram, Loaded]> {
    const child = fork(join(__dirname, file), {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    const program = new ChildProgram(child, file);
    const loaded = new Promise<Loaded>((resolve) => child.once('message', (answer: Answer) => resolve(answer.loaded as Loaded)));
    const first = await Promise.race([loaded, program.ended.then((how) => program.gone(how))]);
    if (first instanceof Error) throw first;
    return [program, first];
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  call<T = unknown>(command: string, options: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.child.connected) return reject(this.gone('no connection'));
      const number = ++this.count;
      this.calls.set(number, { resolve: resolve, reject });
      this.child.send({ number, command, ...options });
    });
  }

  async end(signal?: NodeJS.Signals): Promise<void> {
    if (signal !== undefined) this.child.kill(signal);
    else if (this.child.connected) this.child.disconnect();
    await this.ended;
  }

  private gone(how: string): Error {
    return new Error(`${this.name} ended by itself (${how}): ${this.errors.slice(-2_000)}`);
  }
}
