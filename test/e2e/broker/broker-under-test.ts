import { performance } from 'node:perf_hooks';
import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type RabbitMqTransportOptions, type SagaModuleOptions, type TransportStatus } from 'nest-saga';
import { freshName } from '../saga-app';
import { ChildProgram } from './child-program';

const PATIENCE_MS = 30_000;

/** The first answer that is not undefined. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined>, withinMs = PATIENCE_MS): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`);
    await pause(20);
  }
}

/** A broker to break. */
export class OwnBroker {
  private constructor(
    private readonly program: ChildProgram,
    readonly url: string,
  ) {}

  static async start(): Promise<OwnBroker> {
    const [program, { url }] = await ChildProgram.start<{ readonly url: string }>('own-broker.mjs');
    return new OwnBroker(program, url);
  }

  ctl(...args: string[]): Promise<string> {
    return this.program.call('ctl', { args });
  }
  kill9(): Promise<unknown> {
    return this.program.call('kill9');
  }
  wipe(): Promise<unknown> {
    return this.program.call('wipe');
  }
  startAgain(): Promise<unknown> {
    return this.program.call('startAgain');
  }
  /**
   * RabbitMQ 3.10 may start a quorum queue of a killed single node without a leader, and then nobody can use it, until somebody asks
   * for an election. No client can; an operator does it like this. Where there is a leader it changes nothing.
   */
  electLeaders(): Promise<string> {
    return this.ctl(
      'eval',
      '[ra:trigger_election(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), rabbit_quorum_queue == amqqueue:get_type(Q)].',
    );
  }
  end(): Promise<void> {
    return this.program.end();
  }
}

export interface AppStatus extends TransportStatus {
  readonly deliveries: { readonly action: number; readonly undo: number };
  readonly troubles: readonly string[];
  readonly warnings: readonly string[];
  /** What it takes for the time. */
  readonly clock: number;
}

export interface LoadResult {
  readonly started: number;
  readonly refusals: readonly string[];
  /** Sagas that did not end as they should. */
  readonly wrong: readonly string[];
  /** Handlers that ran again under the same key. */
  readonly twice: readonly string[];
}

const TIMES = { sweepMs: 200, resendMs: 500, leaseMs: 15_000, heartbeatMs: 2_000, graceMs: 1_000, drainMs: 2_000, brokerFallbackMs: 500 };

/** An application under load, in a process of its own. */
export class LoadedApp {
  private constructor(
    private readonly program: ChildProgram,
    readonly name: string,
  ) {}

  static async boot(
    transport: RabbitMqTransportOptions,
    { name = freshName(), env = {}, times = {} }: { name?: string; env?: NodeJS.ProcessEnv; times?: Partial<SagaModuleOptions> } = {},
  ): Promise<LoadedApp> {
    const [program] = await ChildProgram.start('load-program.mjs', env);
    await program.call('boot', {
      databaseUrl: process.env['DATABASE_URL'],
      schema: name,
      times: { ...TIMES, ...times },
      transport: {
        exchange: name,
        stepQueue: `${name}.steps`,
        compensateQueue: `${name}.compensate`,
        confirmTimeoutMs: 1_000,
        ...transport,
      },
    });
    return new LoadedApp(program, name);
  }

  get stepQueue(): string {
    return `${this.name}.steps`;
  }

  status(): Promise<AppStatus> {
    return this.program.call('status');
  }

  /** Starts a saga and waits for its end. Answers how long that took. */
  async completesOne(): Promise<number> {
    const begin = performance.now();
    const id = await this.program.call('start');
    const state = await this.program.call('waitFor', { id });
    if (state !== 'completed') throw new Error(`the saga is ${String(state)}`);
    return performance.now() - begin;
  }

  beginLoad(): Promise<unknown> {
    return this.program.call('beginLoad');
  }

  endLoad(): Promise<LoadResult> {
    return this.program.call('endLoad');
  }

  async hasLost(...what: readonly ('connection' | 'action' | 'undo')[]): Promise<void> {
    await eventually(`the loss of ${what.join(', ')} was noticed`, async () => {
      const { connected, consuming } = await this.status();
      return what.every((each) => (each === 'connection' ? !connected : !consuming.includes(each))) ? true : undefined;
    });
  }

  async says(trouble: RegExp): Promise<void> {
    await eventually(`trouble ${trouble.source}`, async () => (await this.status()).troubles.find((text) => trouble.test(text)));
  }

  /** Wake-ups of both directions come over the broker again. */
  async isBack(): Promise<void> {
    const before = (await this.status()).deliveries;
    let last: AppStatus | undefined;
    await eventually('wake-ups of both directions arrive', async () => {
      last = await this.status();
      const { connected, blocked, consuming, deliveries } = last;
      const arrive = deliveries.action > before.action && deliveries.undo > before.undo;
      return connected && !blocked && consuming.length === 2 && arrive ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(last)}`);
    });
  }

  get openFiles(): number {
    return readdirSync(`/proc/${this.program.pid}/fd`).length;
  }

  kill(): Promise<void> {
    return this.program.end('SIGKILL');
  }

  async end(): Promise<void> {
    await this.program.call('close');
    await this.program.end();
  }
}
