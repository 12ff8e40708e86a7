import { SagaError } from '../../errors';

/** Thrown by `start()` and `publish()` when their `manager` cannot carry the saga or the event. Nothing was changed. */
export class SagaManagerError extends SagaError {
  readonly code = 'SAGA_MANAGER';

  constructor(why: string) {
    super(`the transaction of { manager } cannot be joined: ${why}`);
  }
}
