import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { randomUUID } from 'node:crypto';
import { rabbitMqTransport } from '../../lib/adapters/rabbitmq/rabbitmq-transport.definition';
import type { RabbitMqTransportOptions } from '../../lib/adapters/rabbitmq/rabbitmq-transport.options';
import type { MessageTransport } from '../../lib/ports/message-transport';
import type { ArrivedEvent } from '../../lib/testing/transport-contract';
import type { TransportEnvironment } from '../../lib/ports/transport-definition';

const silent = { log: () => undefined, error: () => undefined, warn: () => undefined };

type Connection = NonNullable<AmqpConnection['managedConnection']['connection']>;
export type AdminChannel = Awaited<ReturnType<Connection['createChannel']>>;

/** A namespace of the test broker, and an administrator's channel to make trouble with. */
export class Namespace {
  readonly name = `test.${randomUUID().slice(0, 8)}`;
  readonly exchange = `${this.name}.exchange`;
  readonly eventsExchange = `${this.exchange}.events`;
  readonly stepQueue = `${this.name}.steps`;
  readonly compensateQueue = `${this.name}.compensate`;
  readonly troubles: Error[] = [];

  private constructor(
    readonly uri: string,
    private readonly amqp: AmqpConnection,
    readonly admin: AdminChannel,
  ) {}

  static async open(uri = process.env['AMQP_URL'] ?? ''): Promise<Namespace> {
    const amqp = await startConnection(uri);
    const admin = await (amqp.managedConnection.connection as Connection).createChannel();
    admin.on('error', () => undefined);
    return new Namespace(uri, amqp, admin);
  }

  create(options: RabbitMqTransportOptions = {}): MessageTransport {
    const { exchange, stepQueue, compensateQueue } = this;
    const where = options.connection === undefined ? { uri: this.uri } : {};
    return rabbitMqTransport({ ...where, exchange, stepQueue, compensateQueue, ...options }).create(this.environment());
  }

  environment(given: Partial<TransportEnvironment> = {}): TransportEnvironment {
    return {
      instance: 'default',
      group: '',
      resolve: () => undefined,
      warn: () => undefined,
      trouble: (error) => void this.troubles.push(error),
      ...given,
    };
  }

  /** Everything that is announced from now on, as it arrives. */
  async listen(): Promise<readonly ArrivedEvent[]> {
    const heard: ArrivedEvent[] = [];
    await this.admin.assertExchange(this.eventsExchange, 'topic', { durable: true });
    const { queue } = await this.admin.assertQueue('', { exclusive: true });
    await this.admin.bindQueue(queue, this.eventsExchange, '#');
    await this.admin.consume(queue, (message) => void heard.push(...(message === null ? [] : [arrivedEvent(message)])), { noAck: true });
    return heard;
  }

  async dispose(): Promise<void> {
    await this.admin.deleteQueue(this.stepQueue);
    await this.admin.deleteQueue(this.compensateQueue);
    await this.admin.deleteExchange(this.exchange);
    await this.admin.deleteExchange(this.eventsExchange);
    await this.amqp.managedConnection.close();
  }
}

type Message = NonNullable<Parameters<Parameters<AdminChannel['consume']>[1]>[0]>;

function arrivedEvent({ fields, properties, content }: Message): ArrivedEvent {
  const { messageId, type, headers = {} } = properties as { messageId: string; type: string; headers?: Record<string, unknown> };
  const { 'x-event-version': version, 'x-event-aggregate': aggregate, 'x-event-key': key, ...own } = headers;
  if (fields.routingKey !== type) throw new Error(`routing key ${fields.routingKey} of type ${type}`);
  const payload = JSON.parse(content.toString('utf8')) as ArrivedEvent['payload'];
  return { id: messageId, type, payload, version, aggregate, key, headers: own } as ArrivedEvent;
}

/** A connection as an application would make it. */
export async function startConnection(uri: string, name = 'default'): Promise<AmqpConnection> {
  const amqp = new AmqpConnection({ uri, name, logger: silent, enableDirectReplyTo: false, registerHandlers: false });
  await amqp.init();
  return amqp;
}
