export { Compensate } from './compensate.decorator';
export { SagaCondition } from './saga-condition.decorator';
export { SagaDefinition } from './saga-definition.decorator';
export { SagaStep } from './saga-step.decorator';
export { Verify } from './verify.decorator';
export type {
  CompensateOptions,
  ConditionOptions,
  HandlerOptions,
  SagaDefinitionOptions,
  SagaStepOptions,
  VerifyOptions,
} from './metadata';
