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

const LINES_OF_EACH_END = 40;

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
      if (moment === null || alike > MOST_MOMENTS_ALIKE) return this.giveUp(saga, problem);
    }
  }

  private async giveUp({ steps }: Saga, problem: string): Promise<never> {
    const why = steps.some(({ status }) => status === 'retrying') ? 'it is tried again and again' : 'nothing more happens by itself';
    const { summary } = await this.operator().explain(this.id);
    throw new SagaTestError(`the saga ${problem}, and ${why}: ${summary}\n\n${shortened(await this.timeline())}`);
  }
}

/** Of what was tried thousands of times the beginning and the end say enough. */
function shortened(timeline: string): string {
  const lines = timeline.split('\n');
  const left = lines.length - 2 * LINES_OF_EACH_END;
  if (left <= 1) return timeline;
  return [...lines.slice(0, LINES_OF_EACH_END), `  … ${left} more …`, ...lines.slice(-LINES_OF_EACH_END)].join('\n');
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
    saga.steps.map(({ status, error }) => [status, error]), // not when it was tried last: a step may be tried for ever
  ]);
}
