import { SagaTestError } from './saga-test.error';

/** Thrown by `explore()`: what is wrong in which case, its timeline, and how to see that case alone. */
export class SagaExplorationError extends SagaTestError {
  override readonly name = 'SagaExplorationError';

  constructor(
    /** Name of the case: what `only` takes. */
    readonly caseName: string,
    /** The lines of a test that say what goes wrong in it. */
    readonly code: string,
    readonly timeline: string,
    problem: string,
    cause: unknown,
  ) {
    const say = code === '' ? '' : `\n  ${code}`;
    const parts = [
      `${caseName}: ${problem}`,
      timeline.replace(/^/gm, '  '),
      `To see this case alone: explore({ …, only: '${caseName}' })${say === '' ? '' : `, or in a test of its own:${say}`}`,
    ];
    super(parts.join('\n\n'), { cause });
  }
}
