import type { SagaValue } from './saga-value';

/**
 * How far a saga is. On the way forward `done` counts the steps that have settled, up to `of`. Once it has turned back `done` is the
 * number of undos that are still to be made: it goes down, to 0 when all is undone.
 */
export interface Progress {
  readonly done: number;
  /** Steps of its plan. */
  readonly of: number;
}

export function progressOf(
  steps: number,
  { state, openActions, openUndos }: Pick<SagaValue, 'state' | 'openActions' | 'openUndos'>,
): Progress {
  const isForward = state === 'started' || state === 'completed';
  return { done: isForward ? steps - openActions : openUndos, of: steps };
}
