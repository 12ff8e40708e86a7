import type { Direction } from '../core/operation';
import type { ChainOffer } from '../ports/claim';
import type { Scheduler } from '../ports/scheduler';
import type { NextClaim } from './attempt-reporter';
import type { AttemptRunner } from './attempt-runner';
import { mayGoOn } from './chain-rule';
import type { ChainSeat } from './chain-seat';
import type { Claimer } from './claimer';

/** Runs an attempt, and then whatever its worker may go on with. */
export class ChainRunner {
  private readonly running = new Map<string, number>();
  private draining = false;

  constructor(
    private readonly runner: AttemptRunner,
    private readonly claimer: Claimer,
    private readonly dispatch: 'chain' | 'broker',
    /** Whether work of this direction waits in this process, besides what waits for a slot. */
    private readonly isWaitedFor: (direction: Direction) => boolean,
    private readonly scheduler: Pick<Scheduler, 'now'>,
  ) {}

  /** Nothing more is claimed. */
  drain(): void {
    this.draining = true;
  }

  get mayBegin(): boolean {
    return this.dispatch === 'chain' && !this.draining;
  }

  /** A handler of this saga runs here, or its report is on its way. */
  isRunning(sagaId: string): boolean {
    return this.running.has(sagaId);
  }

  /** Resolves when nothing more is to be done in this seat. */
  async run(first: NextClaim, seat: ChainSeat, mayChain: boolean): Promise<void> {
    const { sagaId } = first.claim;
    this.running.set(sagaId, (this.running.get(sagaId) ?? 0) + 1);
    const since = this.scheduler.now();
    try {
      let current = first;
      for (let links = 0; ; links++) {
        const { direction } = current.claim.operation;
        const heldMs = this.scheduler.now() - since;
        const goesOn = mayChain && this.mayBegin && mayGoOn(links, heldMs, seat.slot, this.isWaitedFor(direction));
        const next = await this.runner.run(current, seat.slot, goesOn ? this.offer(seat) : undefined);
        if (next === null) return;
        this.claimer.announce(next.claim);
        seat.moveOn(next.claim.operation.direction);
        current = next;
      }
    } finally {
      const others = (this.running.get(sagaId) ?? 1) - 1;
      if (others === 0) this.running.delete(sagaId);
      else this.running.set(sagaId, others);
    }
  }

  /** What a worker in this seat says of itself. */
  offer(seat: ChainSeat): ChainOffer {
    return this.claimer.offer(({ direction }) => !this.draining && seat.accepts(direction));
  }
}
