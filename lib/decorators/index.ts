export { Compensate } from './compensate.decorator';
export { SagaDefinition } from './saga-definition.decorator';
export { SagaStep } from './saga-step.decorator';
export type { CompensateOptions, HandlerOptions, SagaDefinitionOptions, SagaStepOptions } from './metadata';
