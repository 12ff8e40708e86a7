import { isTerminal, type SagaState } from '../core/saga-value';
import type { Saga } from '../engine/saga';
import type { SagaService } from '../saga.service';
import type { SagaOperator } from '../saga.operator';
import { SagaTestError } from './saga-test.error';
import type { VirtualWorld } from './virtual-world';

/** A state of the saga; `waiting` and `retrying`: that of any of its steps; or whatever a function sees in it. */
export type Goal = SagaState | 'waiting' | 'retrying' | ((saga: Saga) => boolean);

/** So many moments in a row in which nothing of a saga changes are enough to say that nothing ever will. */
const MOST_MOMENTS_ALIKE = 2_000;

/** A saga that a test has started. Time passes only while the test waits for something of it, or advances the clock. */
export class TestRun {
  constructor(
    /** Of the saga: a ULID. */
    readonly id: string,
    private readonly world: VirtualWorld,
    private readonly sagas: () => SagaService,
    private readonly operator: () => SagaOperator,
  ) {}

  /** As it is now. */
  async saga(): Promise<Saga> {
    return this.sagas().get(this.id);
  }

  /**
   * Lets time pass until it is so. Looks whenever nothing moves: what lasts no time at all is not seen.
   *
   * @throws SagaTestError when it comes to rest before, with its timeline
   */
  async until(goal: Goal): Promise<Saga> {
    return this.go(
      (saga) => isReached(goal, saga),
      `has not become ${typeof goal === 'function' ? 'what the test waits for' : `"${goal}"`}`,
    );
  }

  /**
   * Lets time pass until it has ended, or is stuck, and every late effect has been dealt with.
   *
   * @throws SagaTestError when it waits for something that does not come by itself, with its timeline
   */
  async end(): Promise<Saga> {
    return this.go(hasEnded, 'has not ended');
  }

  /** What has happened to it until now, as text: a line for each event. */
  async timeline(): Promise<string> {
    return this.world.timeline(this.id);
  }

  private async go(isThere: (saga: Saga) => boolean, problem: string): Promise<Saga> {
    await this.world.stillness.reached();
    let alike = 0;
    let before = '';
    for (;;) {
      const saga = await this.saga();
      if (isThere(saga)) return saga;
      const now = signatureOf(saga);
      if (now !== before) alike = 0;
      before = now;
      const moment = await this.world.toNext();
      if (moment === 'due') alike++; // timers end by themselves; what is due may be looked after for ever
      if (moment === null || alike > MOST_MOMENTS_ALIKE) return this.giveUp(problem);
    }
  }

  private async giveUp(problem: string): Promise<never> {
    const { summary } = await this.operator().explain(this.id);
    throw new SagaTestError(`the saga ${problem}, and nothing more happens by itself: ${summary}\n\n${await this.timeline()}`);
  }
}

function isReached(goal: Goal, saga: Saga): boolean {
  if (typeof goal === 'function') return goal(saga);
  return goal === 'waiting' || goal === 'retrying' ? saga.steps.some(({ status }) => status === goal) : saga.state === goal;
}

/** One that has ended may still have a late effect to undo; one whose undo was given up waits for a person. */
function hasEnded(saga: Saga): boolean {
  if (saga.isStuck) return true;
  return isTerminal(saga.state) && (!saga.attention || saga.steps.every(({ status }) => status !== 'compensating'));
}

function signatureOf(saga: Saga): string {
  return JSON.stringify([
    saga.state,
    saga.paused,
    saga.attention,
    saga.steps.map(({ status, error, executedAt }) => [status, error, executedAt]),
  ]);
}
