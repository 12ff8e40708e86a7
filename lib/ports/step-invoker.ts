import type { HandlerDeclaration } from '../core/handler-declaration';
import type { Json } from '../core/json';
import type { Direction } from '../core/operation';

/** Calls user code. Knows nothing of sagas beyond the key of a handler. */
export interface StepInvoker {
  readonly declarations: readonly HandlerDeclaration[];
  has(direction: Direction, key: string): boolean;
  /** Rejects with whatever the handler threw. */
  invoke(direction: Direction, key: string, payload: Json | undefined, context: HandlerContext): Promise<unknown>;
}

/** What a handler gets as its second argument. Extended by `StepContext` and `CompensationContext`. */
export interface HandlerContext {
  readonly saga: {
    readonly id: string;
    readonly name: string;
    readonly context: Json;
    readonly metadata: Json;
    readonly createdAt: Date;
  };
  readonly step: { readonly id: string; readonly name: string };
  /** From 1. Lost attempts do not count. */
  readonly attempt: number;
  /** The same at every attempt: hand it to whatever performs the effect. */
  readonly idempotencyKey: string;
  /** Aborts when the attempt times out, its lease is lost or the saga turns back. */
  readonly signal: AbortSignal;
}
