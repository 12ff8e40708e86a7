import { SagaError } from '../../errors';

/** Thrown by `start()` when its `manager` cannot carry the saga. Nothing was changed. */
export class SagaManagerError extends SagaError {
  readonly code = 'SAGA_MANAGER';

  constructor(why: string) {
    super(`start({ manager }): ${why}`);
  }
}
