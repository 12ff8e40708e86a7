import { SagaError } from './saga.error';

/** Thrown at boot when options, handlers or services do not fit together. `problems` lists every one of them, each with its remedy. */
export class SagaConfigurationError extends SagaError {
  readonly code = 'SAGA_CONFIGURATION';

  constructor(readonly problems: readonly string[]) {
    super(
      problems.length === 1
        ? `nest-saga: ${problems[0] ?? ''}`
        : `nest-saga: ${problems.length} problems\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}
