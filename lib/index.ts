// The one public door. Everything that is not named here may change tomorrow.
export { SagaModule } from './saga.module';
export type { SagaModuleExtras } from './saga.module-definition';
export type { SagaModuleOptions } from './options/saga-module-options';
export { SagaService } from './saga.service';
export type { InputOf, ListOptions, SagaDefinitionType, WaitOptions } from './saga.service';
export { SagaEvents } from './saga.events';
export { SagaOperator } from './saga.operator';
export {
  getSagaEventsToken,
  getSagaOperatorToken,
  getSagaRepositoryToken,
  getSagaServiceToken,
  InjectSagaEvents,
  InjectSagaOperator,
  InjectSagaRepository,
  InjectSagaService,
} from './inject-saga.decorator';

export { Compensate, SagaDefinition, SagaStep, Verify } from './decorators';
export type { CompensateOptions, HandlerOptions, SagaDefinitionOptions, SagaStepOptions, VerifyOptions } from './decorators';
export { SAGA_CONTEXT_TYPE } from './discovery/method-caller';
export type {
  CompensationContext,
  HandlerContext,
  StepContext,
  TransactionalCompensationContext,
  TransactionalStepContext,
  VerifyAnswer,
  VerifyContext,
} from './ports/step-invoker';

export { Saga } from './engine/saga';
export type { SagaStepView, StepStatus } from './engine/saga';
export { SagaRepository } from './engine/saga-repository';
export type { StepUpdate } from './engine/step-update';
export type { ExecuteOptions } from './engine/execution';
export type { PublishedEvent } from './engine/event-writer';
export type { PublishOptions } from './engine/publish-options';
export type { OrderOptions as CompensateSagaOptions, OrderOptions } from './engine/ordered-by';
export type { Explanation } from './engine/explain';
export type { Option as ExplainedOption } from './engine/explain-options';
export type { StartOptions } from './engine/start-options';
export type { StartedSaga } from './engine/starter';

export { defineSaga, SagaBuilder } from './builder/define-saga';
export type {
  ChildOptions,
  DefinedSaga,
  DefineSagaOptions,
  EachOptions,
  InputSources,
  ParallelBuilder,
  StepOptions,
} from './builder/define-saga';
export { fragment } from './builder/fragment';
export type { ActionInput, ActionKey, ActionOutput, SagaActions } from './builder/saga-actions';

export { contextRef, ref, Reference } from './core/reference';
export type { ReferenceSource } from './core/reference';
export type { Json, JsonObject } from './core/json';
export type { StepFailure } from './core/operation';
export type { RetryOptions, RetryPolicy } from './core/retry-policy';
export type { SagaParent, SagaState, TurnCause } from './core/saga-value';
export type { ChildSaga, ChildStep, MapOptions, MapStep, StepList, StepSpec } from './core/step-spec';

export { SagaDatabaseError, SagaManagerError, sagaMigrations, typeOrmStore } from './adapters/typeorm';
export type {
  ApplicationDataSource,
  MigrationQueryRunner,
  SagaMigration,
  SagaMigrationsOptions,
  TypeOrmStoreOptions,
} from './adapters/typeorm';
export { rabbitMqTransport } from './adapters/rabbitmq/rabbitmq-transport.definition';
export type { ApplicationConnection, RabbitMqTransportOptions } from './adapters/rabbitmq/rabbitmq-transport.options';
export { inMemoryStore } from './adapters/memory/in-memory-store.definition';
export { inProcessTransport } from './adapters/memory/in-process-transport.definition';
export type { InProcessTransportOptions } from './adapters/memory/in-process-transport.definition';

export type * from './ports/message-transport';
export type * from './ports/outbox-event';
export type * from './ports/saga-observer';
export type * from './ports/saga-store';
export type * from './ports/store-definition';
export type * from './ports/transport-definition';

export * from './errors';
