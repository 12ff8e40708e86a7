import type { ChainOffer, Claim } from '../ports/claim';

/** A slot that is kept for the first operation of a saga that is about to start. */
export interface StartSeat {
  readonly offer: ChainOffer;
  /** It was claimed with the start: runs it, and gives the slot back. */
  readonly begin: (claim: Claim) => void;
  /** It was not. */
  readonly leave: () => void;
}
