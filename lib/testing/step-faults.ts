import { SagaTestError } from './saga-test.error';
import { StepError } from '../errors';

/** Before the handler is called, or when it has ended and has not been heard yet. */
export type When = 'before' | 'after';

export type Fault =
  | { readonly kind: 'fails'; readonly error: unknown }
  | { readonly kind: 'times-out'; readonly when: When }
  | { readonly kind: 'crashes'; readonly when: When }
  | { readonly kind: 'runs-twice' }
  | { readonly kind: 'comes-late'; readonly afterMs: number | null };

interface PlannedFault {
  readonly fault: Fault;
  times: number;
  hits: number;
}

export const INJECTED = 'INJECTED';

/** How often what was just said is to happen. */
export interface HowOften {
  /** Only at the next `n` attempts; after them comes what is said next, or nothing unusual. */
  times(n: number): void;
}

/** What is to go wrong with one handler: `kit.step('charge')` or `kit.undo('charge')`. Several are had one after the other. */
export class StepFaults {
  private readonly planned: PlannedFault[] = [];

  /**
   * The handler is not called; the error is thrown in its place. At every attempt, unless `times` says otherwise.
   *
   * @param error default: a `StepError` with code `INJECTED`; of a step it is not retryable, of an undo its policy decides
   */
  fails(error: unknown = this.injected()): HowOften {
    return this.plan({ kind: 'fails', error }, Infinity);
  }

  /**
   * Nothing is heard of the attempt until its timeout and the grace after it are over. `before`: the handler is not called. `after`: it does
   * what it does, and its answer is lost. At every attempt, unless `times` says otherwise.
   */
  timesOut(when: When = 'after'): HowOften {
    return this.plan({ kind: 'times-out', when }, Infinity);
  }

  /**
   * The process dies, before the handler is called or after it has done what it does; when the lease is over, another takes up the work.
   * Once, unless `times` says otherwise.
   */
  crashes(when: When = 'after'): HowOften {
    return this.plan({ kind: 'crashes', when }, 1);
  }

  /** The handler is called twice with the same idempotency key, and its second answer is heard. Once, unless `times` says otherwise. */
  runsTwice(): HowOften {
    return this.plan({ kind: 'runs-twice' }, 1);
  }

  /**
   * The attempt times out, and what it does happens only then: when the saga has ended, or after so many milliseconds of virtual time. Once,
   * unless `times` says otherwise.
   */
  comesLate(afterMs: number | null = null): HowOften {
    return this.plan({ kind: 'comes-late', afterMs }, 1);
  }

  constructor(readonly direction: 'action' | 'undo') {}

  /** What is to go wrong with the attempt that begins now, if anything. */
  next(): Fault | undefined {
    const planned = this.planned.find(({ hits, times }) => hits < times);
    if (planned !== undefined) planned.hits++;
    return planned?.fault;
  }

  /** Something was planned that has never happened. */
  get isUntouched(): boolean {
    return this.planned.some(({ hits }) => hits === 0);
  }

  private plan(fault: Fault, times: number): HowOften {
    const planned: PlannedFault = { fault, times, hits: 0 };
    this.planned.push(planned);
    return {
      times: (n) => {
        if (!Number.isInteger(n) || n < 1) throw new SagaTestError('times() takes a whole number, 1 or more');
        planned.times = n;
      },
    };
  }

  private injected(): StepError {
    const message = 'made to fail by the test';
    return new StepError({ code: INJECTED, message, ...(this.direction === 'action' && { retryable: false }) });
  }
}
