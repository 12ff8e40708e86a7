import type { HandlerKind } from '../core/handler-declaration';
import type { ActionOutcome } from '../core/operation';

/** One call of a handler: what it was given and what became of it. */
export interface RecordedEffect {
  readonly sagaId: string;
  /** Name of the saga. */
  readonly saga: string;
  /** Name of the step. */
  readonly step: string;
  /** `verify`: a `@Verify` handler was asked. */
  readonly direction: HandlerKind;
  /** Of the handler. */
  readonly key: string;
  readonly idempotencyKey: string;
  /** From 1. */
  readonly attempt: number;
  /** Of an undo, from 1. */
  readonly round: number | undefined;
  /** Of an undo: what it was told of its action. */
  readonly actionOutcome: ActionOutcome | undefined;
  /** The handler's first argument: the input; of an undo what its action returned, `undefined` when nobody knows. */
  readonly input: unknown;
  /** Virtual milliseconds since the kit was made. */
  readonly atMs: number;
  /** What the handler itself did. */
  readonly outcome: 'running' | 'returned' | 'threw';
  /** What it returned. */
  readonly output: unknown;
  /** What it threw. */
  readonly error: unknown;
  /** False when the engine has not heard how this call ended: it had timed out, or its process has died. */
  readonly isHeard: boolean;
}
