import type { Topology } from './topology';

/** golevelup's `AmqpConnection`, by what is looked at: published types must not need golevelup's, nor through them amqplib's. */
export interface ApplicationConnection {
  readonly managedConnection: object;
  readonly configuration: object;
}

/** Options of `rabbitMqTransport()`. Every one may be left out. */
export interface RabbitMqTransportOptions {
  /** `amqp://…` or `amqps://…`; several are tried in turn. Default: the environment variable `AMQP_URL`. */
  readonly uri?: string | readonly string[];
  /**
   * A connection of the application to use in place of two of our own: an `AmqpConnection`, or the name of one given to
   * `RabbitMQModule` (`'default'` when it has none). A broker that blocks publishers then blocks acknowledgements too.
   */
  readonly connection?: ApplicationConnection | string;
  /** Topic exchange. Default `sagas`; `sagas.<instance>` for a named engine. */
  readonly exchange?: string;
  /** Topic exchange of the events that the application publishes. Default: that of wake-ups with `.events` behind it. */
  readonly eventsExchange?: string;
  /** Queue of actions. Default `saga.steps`; `saga.<instance>.steps` for a named engine. */
  readonly stepQueue?: string;
  /** Queue of undos. Default `saga.compensate`; `saga.<instance>.compensate` for a named engine. */
  readonly compensateQueue?: string;
  /** Suffix of both queues. Services with different handlers need different groups. Default: the module's `group`. */
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
  readonly eventsExchange: string;
  readonly connectionName: string;
  readonly confirmTimeoutMs: number;
  readonly heartbeatSeconds: number;
}

/** Which engine the options are for: see `TransportEnvironment`. */
export interface EngineName {
  readonly instance: string;
  readonly group: string;
}

export function resolveRabbitMqSettings(options: RabbitMqTransportOptions, { instance, group: ofModule }: EngineName): RabbitMqSettings {
  const isDefault = instance === 'default';
  const group = options.group ?? ofModule;
  const suffix = group === '' ? '' : `.${group}`;
  const queue = (given: string | undefined, work: string): string =>
    (given ?? (isDefault ? `saga.${work}` : `saga.${instance}.${work}`)) + suffix;
  const exchange = options.exchange ?? (isDefault ? 'sagas' : `sagas.${instance}`);
  return {
    topology: {
      exchange,
      queues: { action: queue(options.stepQueue, 'steps'), undo: queue(options.compensateQueue, 'compensate') },
    },
    eventsExchange: options.eventsExchange ?? `${exchange}.events`,
    connectionName: options.connectionName ?? 'nest-saga',
    confirmTimeoutMs: options.confirmTimeoutMs ?? 5_000,
    heartbeatSeconds: options.heartbeatSeconds ?? 10,
  };
}

export function urisOf(options: RabbitMqTransportOptions): readonly string[] {
  const { uri = process.env['AMQP_URL'] } = options;
  if (uri === undefined || uri === '') return [];
  return [uri].flat();
}
