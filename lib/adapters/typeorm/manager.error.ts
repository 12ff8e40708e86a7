import { SagaError } from '../../errors';

/** Thrown by `start()`, `signal()` and `publish()` when their `manager` cannot carry what it was given. Nothing was changed. */
export class SagaManagerError extends SagaError {
  readonly code = 'SAGA_MANAGER';

  constructor(why: string) {
    super(`the transaction of { manager } cannot be joined: ${why}`);
  }
}
