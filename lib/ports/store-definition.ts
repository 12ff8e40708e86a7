import type { SagaStore } from './saga-store';

/** What `store:` in the module's options takes: `typeOrmStore()`, `inMemoryStore()`, or one of your own. */
export interface StoreDefinition {
  /** One word for messages: `typeorm`. */
  readonly kind: string;
  /** Everything that stands in the way of `create`, one sentence each, with its remedy. Connects to nothing. */
  problems(environment: AdapterEnvironment): readonly string[];
  /** Makes the store of one application. Called once, after `problems` found none. */
  create(environment: AdapterEnvironment): SagaStore;
}

/** What an application lends to its store. */
export interface AdapterEnvironment {
  /** Name of the saga engine; `default` unless several live in one application. */
  readonly instance: string;
  /** A provider of the application, if it has one for this token. */
  resolve<T>(token: unknown): T | undefined;
  /** Where a store says what deserves attention. Never credentials. */
  warn(message: string): void;
}
