import { SagaError } from './saga.error';

/**
 * Thrown by `delete()` when a person should look at the saga first: an effect came after its end and is not undone yet, or it could not turn
 * back when it was to. By `acknowledge()` in the first case.
 */
export class SagaAttentionError extends SagaError {
  readonly code = 'SAGA_ATTENTION';

  constructor(readonly sagaId: string) {
    super(
      `saga ${sagaId} needs attention: an effect came after its end and is not undone yet, or it could not turn back when it was asked to. explain() says which; settle that or acknowledge() it first`,
    );
  }
}
