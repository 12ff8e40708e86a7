import { Inject } from '@nestjs/common';
import { SagaRepository } from './engine/saga-repository';
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

/** Injects the `SagaService` of a named module: `constructor(@InjectSagaService('billing') private readonly sagas: SagaService)`. */
export function InjectSagaService(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaServiceToken(name));
}

/** Injects the `SagaRepository` of a named module. */
export function InjectSagaRepository(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaRepositoryToken(name));
}

/** The token of a named module's `SagaOperator`; without a name it is the class itself. */
export function getSagaOperatorToken(name = 'default'): Token<SagaOperator> {
  return name === 'default' ? SagaOperator : `SAGA_OPERATOR_${name}`;
}

/** Injects the `SagaOperator` of a named module. */
export function InjectSagaOperator(name?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getSagaOperatorToken(name));
}
