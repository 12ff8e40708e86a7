import type { Direction } from '../core/operation';
import type { SlotPair } from './slot-pair';
import type { Slots } from './slots';

/** The slot that a chain of operations runs in, one after the other. Where the saga turns back, the chain needs one for undos instead. */
export class ChainSeat {
  private spare: Slots | null = null;

  /** @param direction of a slot that is taken already */
  constructor(
    private readonly slots: SlotPair,
    private direction: Direction,
  ) {}

  /** The slot of the attempt that runs. */
  get slot(): Slots {
    return this.slots.of(this.direction);
  }

  /** Whether the next operation may be of this direction. A slot for it is kept until the chain moves on. */
  accepts(direction: Direction): boolean {
    if (direction === this.direction || this.spare !== null) return true;
    const other = this.slots.of(direction);
    if (!other.tryTake()) return false;
    this.spare = other;
    return true;
  }

  /** What the next operation does not need is free again. */
  moveOn(direction: Direction): void {
    if (direction !== this.direction) {
      const left = this.slot;
      this.direction = direction;
      this.spare = null;
      left.release();
      return;
    }
    this.spare?.release();
    this.spare = null;
  }

  leave(): void {
    this.moveOn(this.direction);
    this.slot.release();
  }
}
