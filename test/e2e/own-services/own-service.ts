import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

type Message = { readonly answer: unknown } | { readonly failure: string };

/** A service that one suite breaks, so it is not the one that all share. Ends with the process of the test at the latest. */
export class OwnService {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async postgres(settings: Readonly<Record<string, string | number>> = {}): Promise<OwnService> {
    return OwnService.from(fork(fileOf('postgres'), [JSON.stringify(settings)]));
  }

  /** `ask('fill')` leaves no space on its disk, `ask('free')` gives it back. */
  static async postgresOnSmallDisk(kind: 'mount' | 'limit'): Promise<OwnService> {
    const file = fileOf('postgres-on-small-disk');
    if (kind === 'limit') return OwnService.from(fork(file, ['limit']));
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    return OwnService.from(spawn('unshare', ['--mount', process.execPath, file, 'mount'], { stdio: [...stdio] }));
  }

  /** In front of the PostgreSQL at `url`; `ask('restart')` restarts it. @param ignored startup parameters that it does not mind */
  static async pgbouncer(url: string, ...ignored: string[]): Promise<OwnService> {
    return OwnService.from(fork(fileOf('pgbouncer'), [url, ...ignored]));
  }

  private static async from(child: ChildProcess): Promise<OwnService> {
    const { url } = (await answerOf(child)) as { readonly url: string };
    return new OwnService(child, url);
  }

  async ask(command: string): Promise<void> {
    const answer = answerOf(this.child);
    this.child.send(command);
    await answer;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }
}

/** Whether a disk of one's own can be mounted here: it takes root, and a container may forbid it even then. */
export function mayMount(): boolean {
  return spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
}

const fileOf = (name: string): string => join(__dirname, `${name}.mjs`);

async function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the program of the service has ended'));
    child.once('exit', ended);
    child.once('message', (message: Message) => {
      child.off('exit', ended);
      if ('failure' in message) reject(new Error(message.failure));
      else resolve(message.answer);
    });
  });
}
