import { StepError } from 'nest-saga';

/** Thrown by an action that arrives after its own undo: it finds the row that the undo left behind, and does nothing. */
export class AlreadyUndoneError extends StepError {
  constructor(action: string) {
    super({ code: 'ALREADY_UNDONE', message: `${action} was undone before it was done`, retryable: false });
  }
}
