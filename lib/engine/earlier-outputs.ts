import type { Json } from '../core/json';
import { ancestorsOf } from '../core/plan-graph';
import type { Claim } from '../ports/claim';
import type { SagaStore } from '../ports/saga-store';

export type OutputReader = Pick<SagaStore, 'outputs'>;

/** What the steps have returned that this one comes after, by their names: all of them have settled, so it is the same at every attempt. */
export async function earlierOutputs(store: OutputReader, { sagaId, operation, basis }: Claim): Promise<Readonly<Record<string, Json>>> {
  const { steps } = basis.plan;
  const places = [...ancestorsOf(steps, operation.step)];
  const outputs = places.length === 0 ? [] : [...(await store.outputs(sagaId, places))];
  return Object.fromEntries(outputs.map(([place, output]) => [steps[place]?.name ?? String(place), output]));
}
