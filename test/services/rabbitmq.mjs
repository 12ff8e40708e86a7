// Starts a throw-away RabbitMQ that listens on 127.0.0.1 only, or uses the one of AMQP_URL.
import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Belongings } from './belongings.mjs';
import { sendToGroup } from './clean-up.mjs';
import { prepareHome } from './rabbitmq-home.mjs';
import { acceptsTcp, answersAmqp, untilTrue } from './rabbitmq-ready.mjs';
import { rabbitScripts } from './rabbitmq-scripts.mjs';

const ATTEMPTS = 3;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

/**
 * @param {{ install?: boolean, belongings?: Belongings }} options
 * @returns a broker: `url`, `node`, `env`, `ctl(args)`, `stop()`, and to make trouble `restart()`,
 *   `kill9()`, `wipe()`, `startAgain()`. Of a broker from AMQP_URL only `url` and `stop()` are there.
 */
export async function startRabbit({ install = false, belongings = new Belongings() } = {}) {
  if (process.env.AMQP_URL) return { url: process.env.AMQP_URL, stop: async () => {} };
  try {
    const scripts = resolve(await rabbitScripts({ install }));
    const folder = belongings.makeFolder(tmpdir(), 'nest-saga-rabbitmq-');
    for (let attempt = 1; ; attempt++) {
      const broker = await prepareBroker({ scripts, folder, belongings });
      const problem = await broker.tryToStart();
      if (problem === undefined) return broker;
      if (attempt === ATTEMPTS || !/eaddrinuse|already in use|already a? ?epmd/i.test(problem)) throw new Error(problem);
    }
  } catch (error) {
    await belongings.close();
    throw error;
  }
}

async function prepareBroker({ scripts, folder, belongings }) {
  const { node, ports, env, data, url } = await prepareHome(folder, scripts);
  const log = join(folder, 'log');
  const command = join(scripts, 'rabbitmqctl');
  const run = (program, args, options) => {
    const output = openSync(log, 'w', 0o600);
    try {
      return belongings.spawn(program, args, { cwd: folder, env, stdio: ['ignore', output, output], ...options });
    } finally {
      closeSync(output);
    }
  };
  let epmd;
  let server;

  const failure = (what) =>
    `${what}: set AMQP_URL to use another broker. The end of its log:\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-3_000) : ''}`;

  async function tryToStart() {
    // Left to itself, Erlang starts an epmd that belongs to nobody and stays.
    if (!epmd) {
      epmd = run('epmd', ['-port', String(ports.epmd), '-address', '127.0.0.1'], { endWith: 'SIGKILL' });
      if (!(await untilTrue(() => acceptsTcp(ports.epmd), epmd, START_TIMEOUT_MS))) {
        const { error } = await epmd.exited;
        return failure(`epmd did not start${error ? ` (${error.message})` : ''}`);
      }
    }
    server = run(join(scripts, 'rabbitmq-server'), [], { graceMs: STOP_TIMEOUT_MS });
    if (await untilTrue(() => answersAmqp(ports.amqp), server, START_TIMEOUT_MS)) return undefined;
    await end('SIGKILL');
    return failure('RabbitMQ did not start');
  }

  async function end(signal) {
    sendToGroup(server.pid, signal);
    await server.exited;
  }

  async function startAgain() {
    const problem = await tryToStart();
    if (problem !== undefined) throw new Error(problem);
  }

  return {
    url,
    node,
    env,
    command,
    get pid() {
      return server.pid;
    },
    tryToStart,
    startAgain,
    kill9: () => end('SIGKILL'),
    wipe: () => rmSync(data, { recursive: true, force: true }),
    restart: async () => {
      await end('SIGTERM');
      await startAgain();
    },
    ctl: async (args) => (await promisify(execFile)(command, args, { env, cwd: folder })).stdout,
    stop: () => belongings.close(),
  };
}
