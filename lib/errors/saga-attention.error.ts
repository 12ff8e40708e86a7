import { SagaError } from './saga.error';

/** Thrown by `delete()` when an effect came after the saga had ended and is not undone yet. */
export class SagaAttentionError extends SagaError {
  readonly code = 'SAGA_ATTENTION';

  constructor(readonly sagaId: string) {
    super(
      `saga ${sagaId} needs attention: an effect came after its end and is not undone yet. See its history; delete it when that is settled`,
    );
  }
}
