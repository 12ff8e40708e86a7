import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';

export const ROOT = join(__dirname, '../../..');

export async function buildSample(name = '01-order-processing'): Promise<void> {
  await promisify(execFile)(process.execPath, [join(__dirname, 'build-sample.mjs'), name], { cwd: ROOT });
}

/** A Node program, and what it has said so far. */
export class Program {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  private readonly child: ChildProcess;
  private readonly listeners = new Set<() => void>();

  constructor(file: string, env: Readonly<Record<string, string | undefined>>) {
    const defined = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined);
    this.child = spawn(process.execPath, [join(ROOT, file)], {
      cwd: ROOT,
      env: Object.fromEntries(defined),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.collect(this.child.stdout, this.lines);
    this.collect(this.child.stderr, this.errors);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal });
        for (const listener of this.listeners) listener();
      });
    });
  }

  /** The first line that matches, once it has been said. */
  async says(pattern: RegExp, withinMs = 60_000): Promise<RegExpExecArray> {
    const find = (): RegExpExecArray | undefined =>
      this.lines.map((line) => pattern.exec(line)).find((match) => match !== null) ?? undefined;
    let listener = (): void => undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const fail = (why: string): void =>
          reject(new Error(`${why} without ${pattern.source}:\n${[...this.lines, ...this.errors].slice(-30).join('\n')}`));
        timer = setTimeout(() => fail(`${withinMs} ms passed`), withinMs);
        listener = () => {
          const match = find();
          if (match !== undefined) resolve(match);
          else if (this.child.exitCode !== null || this.child.signalCode !== null) fail('the program ended');
        };
        this.listeners.add(listener);
        listener();
      });
    } finally {
      clearTimeout(timer);
      this.listeners.delete(listener);
    }
  }

  async end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly signal: string | null }> {
    this.child.kill(signal);
    return this.ended;
  }

  private collect(stream: NodeJS.ReadableStream | null, lines: string[]): void {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts.map(stripVTControlCharacters));
      for (const listener of this.listeners) listener();
    });
  }
}
