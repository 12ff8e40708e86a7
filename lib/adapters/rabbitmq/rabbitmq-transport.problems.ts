import { isRecord } from '../../core/known-fields';
import { isValidName, NAME_RULE, quoted } from '../../core/names';
import { didYouMean } from '../../core/suggestion';
import { resolveRabbitMqSettings, urisOf, type EngineName, type RabbitMqTransportOptions } from './rabbitmq-transport.options';
import { parseUrl } from './redact';

const KNOWN: Record<keyof RabbitMqTransportOptions, true> = {
  uri: true,
  connection: true,
  exchange: true,
  eventsExchange: true,
  stepQueue: true,
  compensateQueue: true,
  group: true,
  connectionName: true,
  confirmTimeoutMs: true,
  heartbeatSeconds: true,
};

/** What is wrong with the options themselves, one sentence each. Never repeats an address. */
export function problemsOfOptions(options: RabbitMqTransportOptions, engine: EngineName): readonly string[] {
  if (!isRecord(options)) return [`rabbitMqTransport: it takes an object with ${Object.keys(KNOWN).join(', ')}, not ${quoted(options)}`];
  return [
    ...problemsOfKeys(options),
    ...(options.connection === undefined ? problemsOfUris(options) : problemsOfConnection(options)),
    ...problemsOfNames(options, engine),
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
  if (typeof options.connection !== 'string' && !isRecord(options.connection))
    return ['"connection" must be an AmqpConnection, or the name of one given to RabbitMQModule'];
  return options.heartbeatSeconds === undefined ? [] : ['"heartbeatSeconds" is decided by the owner of "connection"; set it there'];
}

function problemsOfNames(options: RabbitMqTransportOptions, engine: EngineName): readonly string[] {
  const problems: string[] = [];
  for (const option of ['exchange', 'eventsExchange', 'stepQueue', 'compensateQueue', 'group', 'connectionName'] as const) {
    const name = options[option];
    if (name !== undefined && !isValidName(name)) problems.push(`"${option}" must be ${NAME_RULE}`);
    else if (name?.startsWith('amq.')) problems.push(`"${option}" must not begin with "amq.": the broker keeps these names for itself`);
  }
  if (problems.length > 0) return problems;
  const { topology, eventsExchange } = resolveRabbitMqSettings(options, engine);
  if (topology.queues.action === topology.queues.undo) problems.push('"stepQueue" and "compensateQueue" must differ');
  if (topology.exchange === eventsExchange) problems.push('"exchange" and "eventsExchange" must differ');
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
