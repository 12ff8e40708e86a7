import type { SagaService } from 'nest-saga';
import type { Budget } from './budget.service';
import type { Inbox } from './inbox';
import { purchaseSteps } from './purchase.plan';

type People = (sagaId: string) => Promise<void>;

/** Four purchases, and what people make of them. */
export async function tellStories(sagas: SagaService, budget: Budget, inbox: Inbox, url: string): Promise<void> {
  const answer = async (person: string, sagaId: string, notification: object): Promise<void> => {
    const { token } = await inbox.mailTo(person, sagaId);
    const headers = { 'Content-Type': 'application/json', 'x-saga-token': token };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ sagaId, ...notification }) });
    const { accepted, outcome } = (await response.json()) as { readonly accepted: boolean; readonly outcome: string };
    console.log(`  the ${person} answers: ${accepted ? 'accepted' : 'not accepted'}, the step is ${outcome}`);
  };
  const approve = async (person: string, sagaId: string): Promise<void> => {
    await answer(person, sagaId, { status: 'completed', output: { by: person } });
    await sagas.signal(sagaId, 'delivered', { parcel: 7 }, { signalId: 'parcel-7' });
  };

  const story = async (title: string, people: People): Promise<void> => {
    console.log(`\n${title}`);
    const { id } = await sagas.start('purchase', purchaseSteps({ what: 'a desk', amount: 300 }), {}, { deadlineMs: 3_000 });
    await people(id);
    const saga = await sagas.waitFor(id);
    const steps = saga.steps.map(({ name, status }) => `${name} ${status}`).join(', ');
    console.log(`  saga ${id} is ${saga.state}: ${steps}; ${budget.left} left`);
  };

  await story('The lead approves', async (id) => approve('lead', id));
  await story('The lead is away, and the boss approves', async (id) => approve('boss', id));
  await story('The lead refuses', async (id) =>
    answer('lead', id, { status: 'failed', error: { code: 'TOO_EXPENSIVE', message: 'not for a desk' } }),
  );
  await story('Nobody answers until the deadline', async () => Promise.resolve());
}
