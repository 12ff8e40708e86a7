import { Inject } from '@nestjs/common';
import { SagaRepository } from './engine/saga-repository';
import { SagaCallbacks } from './saga.callbacks';
import { SagaEvents } from './saga.events';
import { SagaOperator } from './saga.operator';
import { SagaService } from './saga.service';

type Token<T> = string | (new (...args: never[]) => T);

/** The token of a named module's `SagaService`; without a name it is the class itself. */
export function getSagaServiceToken(name = 'default'): Token<SagaService> {
  return name === 'default' ? SagaService : `SAGA_SERVICE_${name}`;
}

/** The token of a named module's `SagaRepository`; without a name it is the class itself. */
export function getSagaRepositoryToken(name = 'default'): Token<SagaRepository> {
  return name === 'default' ? SagaRepository : `SAGA_REPOSITORY_${name}`;
}

/** The token of a named module's `SagaEvents`; without a name it is the class itself. */
export function getSagaEventsToken(name = 'default'): Token<SagaEvents> {
  return name === 'default' ? SagaEvents : `SAGA_EVENTS_${name}`;
}

/** Injects the `SagaService` of a named module: `constructor(@InjectSagaService('billing') private readonly sagas: SagaService)`. */
export function InjectSagaService(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaServiceToken(name));
}

/** Injects the `SagaRepository` of a named module. */
export function InjectSagaRepository(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaRepositoryToken(name));
}

/** Injects the `SagaEvents` of a named module. */
export function InjectSagaEvents(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaEventsToken(name));
}

/** The token of a named module's `SagaOperator`; without a name it is the class itself. */
export function getSagaOperatorToken(name = 'default'): Token<SagaOperator> {
  return name === 'default' ? SagaOperator : `SAGA_OPERATOR_${name}`;
}

/** Injects the `SagaOperator` of a named module. */
export function InjectSagaOperator(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaOperatorToken(name));
}

/** The token of a named module's `SagaCallbacks`; without a name it is the class itself. */
export function getSagaCallbacksToken(name = 'default'): Token<SagaCallbacks> {
  return name === 'default' ? SagaCallbacks : `SAGA_CALLBACKS_${name}`;
}

/** Injects the `SagaCallbacks` of a named module. */
export function InjectSagaCallbacks(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaCallbacksToken(name));
}
