import type { Json } from '../../core/json';
import { operationOf } from '../../core/saga-value';
import type { SagaRecord } from './saga-record';

/** What the actions of these steps have returned. One that came late to its effect has an output too, and it is none of those. */
export function outputsOf(record: SagaRecord, steps: readonly number[]): ReadonlyMap<number, Json> {
  const outputs = new Map<number, Json>();
  for (const step of steps) {
    const isCompleted = operationOf(record.saga, { step, direction: 'action', round: 1 })?.state === 'completed';
    if (isCompleted) outputs.set(step, record.outputs.get(step) ?? null);
  }
  return outputs;
}
