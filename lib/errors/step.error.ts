import { SagaError } from './saga.error';

/** What a handler says about its own failure. */
export interface StepErrorInit {
  /** The handler's own code, for example `CARD_DECLINED`. Default `STEP_FAILED`. */
  readonly code?: string;
  readonly message: string;
  /** `true`: try again under the step's policy (3 attempts without one). `false`: never. Default: the step's policy decides. */
  readonly retryable?: boolean;
  /** Milliseconds to wait before the next attempt; replaces the policy's delay. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * Thrown by a handler to say exactly how it failed.
 *
 * @example
 * throw new StepError({ code: 'CARD_DECLINED', message: 'the card was declined', retryable: false });
 */
export class StepError extends SagaError {
  readonly code: string;
  readonly retryable: boolean | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(init: StepErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code ?? 'STEP_FAILED';
    this.retryable = init.retryable;
    this.retryAfterMs = init.retryAfterMs;
  }
}
