import type { MessageTransport } from './message-transport';
import type { AdapterEnvironment } from './store-definition';

/** What `transport:` in the module's options takes: `rabbitMqTransport()`, `inProcessTransport()`, or one of your own. */
export interface TransportDefinition {
  /** One word for messages: `rabbitmq`. */
  readonly kind: string;
  /** Everything that stands in the way of `create`, one sentence each, with its remedy. Connects to nothing. */
  problems(environment: TransportEnvironment): readonly string[];
  /** Makes the transport of one application. Called once, after `problems` found none. */
  create(environment: TransportEnvironment): MessageTransport;
}

/** What an application lends to its transport. */
export interface TransportEnvironment extends AdapterEnvironment {
  /** The module's `group`; empty unless services with different handlers share the broker. */
  readonly group: string;
  /** Where a transport says what it is trying again. Never credentials. */
  trouble(error: Error): void;
}
