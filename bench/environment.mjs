// What the figures were measured on.
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { connect } from './database.mjs';
import { versionOf } from './node.mjs';
import { median, round } from './statistics.mjs';

const root = createRequire(new URL('../package.json', import.meta.url));
const here = new URL('./package.json', import.meta.url);

export async function environmentOf({ env, node }) {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(here, 'utf8'));
  return {
    node: versionOf(node),
    cpus: cpus().length,
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    ...(await postgresOf(env.DATABASE_URL)),
    rabbitmq: await rabbitOf(env.AMQP_URL),
    fsyncMs: fsyncMs(),
    date: new Date().toISOString(),
    nestSaga: [root('./package.json').version, commit()].filter(Boolean).join(' '),
    peers: { ...dependencies, ...optionalDependencies },
  };
}

async function postgresOf(url) {
  const client = await connect(url);
  const show = async (setting) => Object.values((await client.query(`SHOW ${setting}`)).rows[0])[0];
  const found = {
    postgres: (await show('server_version')).split(' ')[0],
    fsync: await show('fsync'),
    synchronousCommit: await show('synchronous_commit'),
  };
  await client.end();
  return found;
}

async function rabbitOf(url) {
  const connection = await root('amqplib').connect(url);
  const { version } = connection.connection.serverProperties;
  await connection.close();
  return String(version);
}

/** How long the disk takes to make one small write safe: what every commit waits for. */
function fsyncMs() {
  const folder = mkdtempSync(join(tmpdir(), 'nest-saga-fsync-'));
  try {
    const file = openSync(join(folder, 'file'), 'w');
    const times = Array.from({ length: 50 }, () => {
      const at = performance.now();
      writeSync(file, Buffer.alloc(8_192));
      fsyncSync(file);
      return performance.now() - at;
    });
    closeSync(file);
    return round(median(times));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: new URL('..', import.meta.url),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  } catch {
    return '';
  }
}
