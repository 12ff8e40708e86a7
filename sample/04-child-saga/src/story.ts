import type { Saga, SagaService } from 'nest-saga';
import { tripSteps, type Trip } from './trip.plan';

/** Starts a trip, waits until it has ended, and shows it with every saga that it has started. */
export async function tell(sagas: SagaService, title: string, trip: Trip): Promise<void> {
  console.log(`\n${title}`);
  const { id } = await sagas.start('trip', tripSteps, trip);
  const saga = await sagas.waitFor(id);
  console.log(`  ${picture(saga)}`);
  const within = await sagas.list({ parent: id });
  for (const one of [...within].reverse()) console.log(`    ${one.parent?.undoes === undefined ? 'ran' : 'undone by'} ${picture(one)}`);
}

function picture({ name, state, steps }: Saga): string {
  return `${name} is ${state}: ${steps.map((step) => `${step.name} ${step.status}`).join(', ')}`;
}
