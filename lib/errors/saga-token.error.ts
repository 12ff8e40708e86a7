import { SagaError } from './saga.error';

/** Thrown by `SagaCallbacks` when a token was not made by this engine. It says nothing else, whatever is wrong, and takes the same time for it. */
export class SagaTokenError extends SagaError {
  readonly code = 'SAGA_TOKEN';

  constructor() {
    super('this is no callback token of this engine: pass on ctx.callbackToken as it is, the whole text');
  }
}
