import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { isValidName, NAME_RULE } from '../../core/names';
import { didYouMean } from '../../core/suggestion';
import { parseUrl } from './redact';
import type { Topology } from './topology';

/** Options of `rabbitMqTransport()`. Every one may be left out. */
export interface RabbitMqTransportOptions {
  /** `amqp://…` or `amqps://…`; several are tried in turn. Default: the environment variable `AMQP_URL`. */
  readonly uri?: string | readonly string[];
  /**
   * A connection of the application to use in place of two of our own: an `AmqpConnection`, or the name of one given to
   * `RabbitMQModule` (`'default'` when it has none). A broker that blocks publishers then blocks acknowledgements too.
   */
  readonly connection?: AmqpConnection | string;
  /** Topic exchange. Default `sagas`; `sagas.<instance>` for a named engine. */
  readonly exchange?: string;
  /** Queue of actions. Default `saga.steps`; `saga.<instance>.steps` for a named engine. */
  readonly stepQueue?: string;
  /** Queue of undos. Default `saga.compensate`; `saga.<instance>.compensate` for a named engine. */
  readonly compensateQueue?: string;
  /** Suffix of both queues. Services with different handlers need different groups. */
  readonly group?: string;
  /** Shown by the broker's own tools. Default `nest-saga`. */
  readonly connectionName?: string;
  /** How long to wait for the broker to confirm a wake-up, in milliseconds. Default 5,000. */
  readonly confirmTimeoutMs?: number;
  /** A peer that is silent for twice this long is taken for dead, in seconds. Default 10. Our own connections only. */
  readonly heartbeatSeconds?: number;
}

/** The options, complete. Addresses apart: they hold credentials. */
export interface RabbitMqSettings {
  readonly topology: Topology;
  readonly connectionName: string;
  readonly confirmTimeoutMs: number;
  readonly heartbeatSeconds: number;
}

const KNOWN: Record<keyof RabbitMqTransportOptions, true> = {
  uri: true,
  connection: true,
  exchange: true,
  stepQueue: true,
  compensateQueue: true,
  group: true,
  connectionName: true,
  confirmTimeoutMs: true,
  heartbeatSeconds: true,
};

export function resolveRabbitMqSettings(options: RabbitMqTransportOptions, instance: string): RabbitMqSettings {
  const isDefault = instance === 'default';
  const suffix = options.group === undefined ? '' : `.${options.group}`;
  const queue = (given: string | undefined, work: string): string =>
    (given ?? (isDefault ? `saga.${work}` : `saga.${instance}.${work}`)) + suffix;
  return {
    topology: {
      exchange: options.exchange ?? (isDefault ? 'sagas' : `sagas.${instance}`),
      queues: { action: queue(options.stepQueue, 'steps'), undo: queue(options.compensateQueue, 'compensate') },
    },
    connectionName: options.connectionName ?? 'nest-saga',
    confirmTimeoutMs: options.confirmTimeoutMs ?? 5_000,
    heartbeatSeconds: options.heartbeatSeconds ?? 10,
  };
}

export function urisOf(options: RabbitMqTransportOptions): readonly string[] {
  const { uri = process.env['AMQP_URL'] } = options;
  if (uri === undefined || uri === '') return [];
  return typeof uri === 'string' ? [uri] : uri;
}

/** What is wrong with the options themselves, one sentence each. Never repeats an address. */
export function problemsOfOptions(options: RabbitMqTransportOptions, instance: string): readonly string[] {
  return [
    ...problemsOfKeys(options),
    ...(options.connection === undefined ? problemsOfUris(options) : problemsOfConnection(options)),
    ...problemsOfNames(options, instance),
    ...problemsOfNumbers(options),
  ].map((problem) => `rabbitMqTransport: ${problem}`);
}

function problemsOfKeys(options: RabbitMqTransportOptions): readonly string[] {
  const known = Object.keys(KNOWN);
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  return unknown.map((key) => `there is no option "${key}"${didYouMean(key, known)}`);
}

function problemsOfUris(options: RabbitMqTransportOptions): readonly string[] {
  const uris = urisOf(options);
  if (uris.length === 0) {
    return [
      'no broker was named: set the environment variable AMQP_URL (for example amqp://localhost:5672), or pass rabbitMqTransport({ uri }) or rabbitMqTransport({ connection })',
    ];
  }
  const where = (place: number): string =>
    options.uri === undefined ? 'the environment variable AMQP_URL' : uris.length === 1 ? '"uri"' : `"uri" number ${place + 1}`;
  return uris.flatMap((uri, place) => {
    const problem = problemOfUri(uri);
    return problem === null ? [] : [`${where(place)} ${problem}`];
  });
}

function problemOfUri(uri: unknown): string | null {
  const url = typeof uri === 'string' ? parseUrl(uri) : null;
  if (url === null) return 'is not an address; it looks like amqp://user:password@host:5672/vhost, with special characters percent-encoded';
  if (url.protocol !== 'amqp:' && url.protocol !== 'amqps:') return 'must begin with amqp:// or amqps://';
  return url.hostname === '' ? 'names no host' : null;
}

function problemsOfConnection(options: RabbitMqTransportOptions): readonly string[] {
  if (options.uri !== undefined) return ['"uri" and "connection" exclude each other; leave one out'];
  return options.heartbeatSeconds === undefined ? [] : ['"heartbeatSeconds" is decided by the owner of "connection"; set it there'];
}

function problemsOfNames(options: RabbitMqTransportOptions, instance: string): readonly string[] {
  const problems: string[] = [];
  for (const option of ['exchange', 'stepQueue', 'compensateQueue', 'group', 'connectionName'] as const) {
    const name = options[option];
    if (name !== undefined && !isValidName(name)) problems.push(`"${option}" must be ${NAME_RULE}`);
    else if (name?.startsWith('amq.')) problems.push(`"${option}" must not begin with "amq.": the broker keeps these names for itself`);
  }
  const { queues } = resolveRabbitMqSettings(options, instance).topology;
  if (problems.length === 0 && queues.action === queues.undo) problems.push('"stepQueue" and "compensateQueue" must differ');
  return problems;
}

function problemsOfNumbers(options: RabbitMqTransportOptions): readonly string[] {
  const problems: string[] = [];
  const { confirmTimeoutMs, heartbeatSeconds } = options;
  if (!isBetween(confirmTimeoutMs, 1, 600_000)) problems.push('"confirmTimeoutMs" must be a whole number from 1 to 600000');
  if (!isBetween(heartbeatSeconds, 1, 3_600)) problems.push('"heartbeatSeconds" must be a whole number from 1 to 3600');
  return problems;
}

function isBetween(value: unknown, low: number, high: number): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) >= low && (value as number) <= high);
}
