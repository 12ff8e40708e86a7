// The one public door. Everything that is not named here may change tomorrow.
export { SagaModule } from './saga.module';
export type { SagaModuleExtras } from './saga.module-definition';
export type { SagaModuleOptions } from './options/saga-module-options';
export { SagaService } from './saga.service';
export type { EventStreamOptions, InputOf, ListOptions, SagaDefinitionType, WaitOptions, WatchOptions } from './saga.service';
export { SagaEvents } from './saga.events';
export { SagaOperator } from './saga.operator';
export { SagaCallbacks } from './saga.callbacks';
export { sagaWebhookController } from './saga-webhook.controller';
export type { SagaWebhookOptions } from './saga-webhook.controller';
export {
  getSagaCallbacksToken,
  getSagaEventsToken,
  getSagaOperatorToken,
  getSagaRepositoryToken,
  getSagaServiceToken,
  InjectSagaCallbacks,
  InjectSagaEvents,
  InjectSagaOperator,
  InjectSagaRepository,
  InjectSagaService,
} from './inject-saga.decorator';

export { Compensate, SagaCondition, SagaDefinition, SagaStep, Verify } from './decorators';
export type {
  CompensateOptions,
  ConditionOptions,
  HandlerOptions,
  SagaDefinitionOptions,
  SagaStepOptions,
  VerifyOptions,
} from './decorators';
export { SAGA_CONTEXT_TYPE } from './discovery/method-caller';
export type {
  CompensationContext,
  ConditionAnswer,
  ConditionContext,
  HandlerContext,
  StepContext,
  StepSchemas,
  TransactionalCompensationContext,
  TransactionalStepContext,
  VerifyAnswer,
  VerifyContext,
} from './ports/step-invoker';
export type { StepWord } from './core/step-word';

export { Saga } from './engine/saga';
export type { SagaStepView, StepStatus } from './engine/saga';
export { SagaRepository } from './engine/saga-repository';
export type { StepUpdate } from './engine/step-update';
export type { ExecuteOptions } from './engine/execution';
export type { PublishedEvent } from './engine/event-writer';
export type { PublishOptions } from './engine/publish-options';
export type { OrderOptions as CompensateSagaOptions, OrderOptions } from './engine/ordered-by';
export type { CallbackResult } from './engine/callbacks';
export type { SentSignal, SignalOptions } from './engine/signals';
export type { Explanation } from './engine/explain';
export type { Option as ExplainedOption } from './engine/explain-options';
export type { StartOptions } from './engine/start-options';
export type { StartedSaga } from './engine/starter';
export type { SagaStreamEvent, SagaStreamEventType } from './engine/stream-event';
export type { SagaWatchEvent } from './engine/watchers';

export { defineSaga, SagaBuilder } from './builder/define-saga';
export type { ActionInput, ActionKey, ActionOutput, SagaActions } from './core/saga-actions';
export type { DefinedSaga, DefineSagaOptions, ParallelBuilder } from './builder/define-saga';
export type { ChildOptions, EachOptions, InputSources, SleepOptions, StepOptions, WaitForSignalOptions } from './builder/step-options';
export { fragment } from './builder/fragment';

export { lintPlan, toMermaid, undoTable, undoTableText } from './plans';
export type { PlanFinding, PlanSource, PlanSourceOptions, UndoneStep, UndoRow } from './plans';
export { spokenFinding } from './core/lint';
export type { LintFinding, LintLevel, LintOptions } from './core/lint';
export type { LintCode } from './core/lint-rules';

export type { ConditionSpec, ConditionTests } from './core/condition-spec';
export { contextRef, ref, Reference } from './core/reference';
export type { ReferenceSource } from './core/reference';
export type { Json, JsonObject } from './core/json';
export type { Progress as SagaProgress } from './core/progress';
export type { StepFailure } from './core/operation';
export type { StepKind } from './core/plan';
export type { RetryOptions, RetryPolicy } from './core/retry-policy';
export type { StandardSchemaV1 } from './core/standard-schema';
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
export type * from './ports/notice-board';
export type * from './ports/outbox-event';
export type * from './ports/saga-observer';
export type * from './ports/saga-signal';
export type * from './ports/claim';
export type * from './ports/paused-action';
export type * from './ports/saga-store';
export type * from './ports/stored-saga';
export type * from './ports/store-definition';
export type * from './ports/transport-definition';

export * from './errors';
