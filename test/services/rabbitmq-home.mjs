// Everything that makes a broker a separate one: own ports, node name, cookie, configuration, data.
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.mjs';

/**
 * @param {string} folder throw-away; everything the broker writes goes below it
 * @param {string} scripts whose epmd, if it has one, goes before the one of this machine
 */
export async function prepareHome(folder, scripts) {
  const ports = { amqp: await freePort(), distribution: await freePort(), epmd: await freePort() };
  const node = `nest_saga_${randomBytes(4).toString('hex')}@localhost`;
  const data = join(folder, 'data');
  const empty = join(folder, 'empty');
  const config = join(folder, 'rabbitmq.conf');
  mkdirSync(data, { recursive: true });
  rmSync(join(folder, '.erlang.cookie'), { force: true });
  writeFileSync(join(folder, '.erlang.cookie'), randomBytes(24).toString('hex'), { mode: 0o400 });
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
  writeFileSync(empty, '');
  writeFileSync(config, configuration(ports));
  const localDistribution = '-kernel inet_dist_use_interface {127,0,0,1}';
  const env = {
    PATH: `${scripts}:${process.env.PATH}:/usr/sbin:/usr/bin:/sbin:/bin`,
    LANG: process.env.LANG ?? 'C.UTF-8',
    HOME: folder,
    ERL_CRASH_DUMP: join(folder, 'erl_crash.dump'),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(ports.epmd),
    RABBITMQ_NODENAME: node,
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_MNESIA_BASE: data,
    RABBITMQ_LOG_BASE: folder,
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: empty,
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_SCHEDULER_BIND_TYPE: 'u',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S 2:2 ${localDistribution}`,
    RABBITMQ_CTL_ERL_ARGS: localDistribution,
    // Otherwise a shell stands between us and the broker, and a signal would reach the shell only.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
  return { node, ports, env, data, url: `amqp://guest:guest@127.0.0.1:${ports.amqp}` };
}

const configuration = (ports) => `
listeners.tcp.1 = 127.0.0.1:${ports.amqp}
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
log.console.level = info
`;
