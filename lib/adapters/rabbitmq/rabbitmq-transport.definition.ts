import { SagaConfigurationError } from '../../errors';
import { isRecord } from '../../core/known-fields';
import type { TransportDefinition, TransportEnvironment } from '../../ports/transport-definition';
import { findConnection } from './find-connection';
import { loadGolevelup } from './golevelup.loader';
import { borrowedConnection, ownConnection } from './own-connection';
import { resolveRabbitMqSettings, urisOf, type RabbitMqTransportOptions } from './rabbitmq-transport.options';
import { problemsOfOptions } from './rabbitmq-transport.problems';
import { RabbitMqTransport, type RabbitMqConnections } from './rabbitmq.transport';
import { secretsOf } from './redact';

/**
 * Wake-ups over RabbitMQ 3.10 or later, through `@golevelup/nestjs-rabbitmq`. Needs an address (`uri`, or the environment variable
 * `AMQP_URL`) or a connection of the application (`connection`).
 *
 * @example
 * SagaModule.forRoot({ transport: rabbitMqTransport({ uri: 'amqp://localhost:5672' }) })
 */
export function rabbitMqTransport(options: RabbitMqTransportOptions = {}): TransportDefinition {
  return {
    kind: 'rabbitmq',
    problems: (environment) => {
      const problems = problemsOfOptions(options, environment);
      return isRecord(options) ? [...problems, ...problemsOfVendor(options, environment)] : problems;
    },
    create: (environment) => {
      const settings = resolveRabbitMqSettings(options, environment);
      return new RabbitMqTransport(settings, connectionsOf(options, environment), (error) => environment.trouble(error));
    },
  };
}

function connectionsOf(options: RabbitMqTransportOptions, environment: TransportEnvironment): RabbitMqConnections {
  if (options.connection !== undefined) {
    const injected = findConnection(options.connection, environment);
    if (injected === null) throw new SagaConfigurationError([noSuchConnection(options.connection)]);
    return { publish: borrowedConnection(injected), consume: null, secrets: [] };
  }
  const { connectionName, heartbeatSeconds } = resolveRabbitMqSettings(options, environment);
  const uris = urisOf(options);
  const own = { uris, connectionName, heartbeatSeconds };
  return { publish: ownConnection('publish', own), consume: ownConnection('consume', own), secrets: secretsOf(uris) };
}

function problemsOfVendor({ connection }: RabbitMqTransportOptions, environment: TransportEnvironment): readonly string[] {
  try {
    loadGolevelup();
    if (connection === undefined) return [];
    if (typeof connection !== 'string' && !isRecord(connection)) return []; // said of the options already
    const found = findConnection(connection, environment);
    if (found === null) return [noSuchConnection(connection)];
    // Set by `init()`, which RabbitMQModule calls; a connection that was only constructed never connects.
    const isStarted = (found.managedConnection as unknown) !== undefined;
    return isStarted ? [] : ['rabbitMqTransport: the AmqpConnection given as "connection" was not started: call its init() first'];
  } catch (error) {
    if (error instanceof SagaConfigurationError) return error.problems;
    throw error;
  }
}

function noSuchConnection(connection: unknown): string {
  const name = typeof connection === 'string' ? connection : 'default';
  return `rabbitMqTransport: the application has no AmqpConnection named "${name}": import RabbitMQModule.forRoot({ name: '${name}', uri }), or pass rabbitMqTransport({ uri })`;
}
