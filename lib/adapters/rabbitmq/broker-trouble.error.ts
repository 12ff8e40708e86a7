import { SagaError } from '../../errors';

/** Reported, never thrown: what RabbitMQ refused and what is tried again. Carries no `cause`, whose fields may hold the address. */
export class BrokerTroubleError extends SagaError {
  readonly code = 'SAGA_BROKER_TROUBLE';
}
