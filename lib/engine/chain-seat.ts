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
    /** Told of each slot that is free again. */
    private readonly freed: (direction: Direction) => void,
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
    const left = direction === this.direction ? this.spare : this.slot;
    const leftDirection = direction === this.direction ? OTHER[direction] : this.direction;
    this.direction = direction;
    this.spare = null;
    if (left !== null) this.release(left, leftDirection);
  }

  leave(): void {
    this.moveOn(this.direction);
    this.release(this.slot, this.direction);
  }

  private release(slots: Slots, direction: Direction): void {
    slots.release();
    this.freed(direction);
  }
}

const OTHER: Readonly<Record<Direction, Direction>> = { action: 'undo', undo: 'action' };
