import { SagaError } from './saga.error';

/** Thrown by `start()` when the steps do not form a plan that can run, before anything is stored. `problems` lists every one of them. */
export class SagaPlanError extends SagaError {
  readonly code = 'SAGA_PLAN';

  constructor(
    readonly sagaName: string,
    readonly problems: readonly string[],
  ) {
    super(`saga ${printable(sagaName)} cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/** A caller without types may have passed anything. */
function printable(name: unknown): string {
  return typeof name === 'string' ? `"${name.slice(0, 128).replace(/[^\x20-\x7e]/g, '?')}"` : '(without a name)';
}
