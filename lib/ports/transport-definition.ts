import type { MessageTransport } from './message-transport';

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
export interface TransportEnvironment {
  /** Name of the saga engine; `default` unless several live in one application. */
  readonly instance: string;
  /** A provider of the application, if it has one for this token. */
  resolve<T>(token: unknown): T | undefined;
  /** Where a transport says what it is trying again. Never credentials. */
  trouble(error: Error): void;
}
