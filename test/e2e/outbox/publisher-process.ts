import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The test's side of a process that publishes events. */
export class PublisherProcess {
  private static readonly running = new Set<PublisherProcess>();
  private readonly gone: Promise<unknown>;

  private constructor(private readonly child: ChildProcess) {
    this.gone = once(child, 'exit').then(() => PublisherProcess.running.delete(this));
    PublisherProcess.running.add(this);
  }

  static async boot(namespace: string, amqpUrl = process.env['AMQP_URL']): Promise<PublisherProcess> {
    const env = { ...process.env, OUTBOX_NAMESPACE: namespace, AMQP_URL: amqpUrl };
    const child = fork(join(__dirname, 'publisher.mjs'), { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const booted = new PublisherProcess(child);
    await booted.answer();
    return booted;
  }

  /** For `afterEach`. */
  static async killAll(): Promise<void> {
    await Promise.all([...this.running].map((one) => one.kill()));
  }

  async publish(name: string): Promise<void> {
    this.child.send({ name });
    await this.answer();
  }

  /** Publishes, and is gone so many turns of its event loop after the commit; -1: before it. */
  async publishAndDie(name: string, dieAfterTurns: number): Promise<void> {
    this.child.send({ name, dieAfterTurns });
    await this.gone;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.gone;
  }

  private async answer(): Promise<void> {
    const died = this.gone.then(() => Promise.reject(new Error('the publisher has ended')));
    await Promise.race([once(this.child, 'message'), died]);
  }
}
