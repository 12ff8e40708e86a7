import type { Json } from '../core/json';
import type { SagaState } from '../core/saga-value';

/** What somebody tells a saga by a name that one of its steps waits for. */
export interface SagaMessage {
  readonly sagaId: string;
  /** The same id twice is one signal of its saga. */
  readonly signalId: string;
  readonly name: string;
  readonly payload: Json;
}

export type AddSignalResult =
  /** `committed` resolves when the caller's transaction has committed; null when the signal is committed already. */
  | { readonly kind: 'added'; readonly committed: Promise<void> | null }
  /** The saga has had a signal with this id before. */
  | { readonly kind: 'known' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'ended'; readonly state: SagaState };

/** A key that tokens are signed with. */
export interface StoredSecret {
  readonly id: number;
  readonly key: Uint8Array;
}
