import type { HandlerName, MissingHandler, SagaStore } from '../ports/saga-store';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, ONCE, plan, Scenario, step, TWO_STEPS, undo } from './store-contract.scenario';

const namesOf = (...names: readonly string[]): readonly HandlerName[] =>
  names.map((name) => {
    const [kind, key] = name.split(' ') as [HandlerName['kind'], string];
    return { kind, key };
  });

const lines = (missing: readonly MissingHandler[]): readonly string[] => missing.map(({ kind, key, sagas }) => `${kind} ${key} ${sagas}`);

async function missingIn(store: SagaStore, ...offered: readonly string[]): Promise<readonly string[]> {
  return lines(await store.missingHandlers(namesOf(...offered)));
}

export const handlerCases: readonly StoreCase[] = [
  promise('handlers that active sagas may need and nobody offers are named, with how many sagas need each', async ({ store }) => {
    same(await missingIn(store), []);
    const scenario = new Scenario(store);
    const [first] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS), await scenario.start(plan([step('a')]))];
    same(await missingIn(store), ['action do.a 3', 'action do.b 2', 'undo undo.a 3', 'undo undo.b 2']);
    same(await missingIn(store, 'action do.a', 'undo undo.a', 'undo undo.b', 'action other'), ['action do.b 2']);
    same(await missingIn(store, 'undo do.a', 'action undo.a', 'action do.b', 'undo undo.b'), ['action do.a 3', 'undo undo.a 3']);
    await scenario.perform(first, action(0));
    same(await missingIn(store, 'undo undo.a', 'undo undo.b'), ['action do.a 2', 'action do.b 2']);
  }),

  promise('what ended sagas needed is needed no more', async ({ store }) => {
    const scenario = new Scenario(store);
    const ended = await scenario.start(plan([step('a')]));
    await scenario.perform(ended, action(0));
    same(await missingIn(store), []);
  }),

  promise('a saga that has turned back needs the undos that are left, also those that were given up', async ({ store }) => {
    const scenario = new Scenario(store);
    const of = plan([step('a'), step('b', { dependsOn: [0] }), step('c', { dependsOn: [1], compensation: null })]);
    const sagaId = await scenario.start(of);
    await scenario.perform(sagaId, action(0));
    await scenario.perform(sagaId, action(1));
    await scenario.fail(await scenario.claim(sagaId, action(2)));
    same(await missingIn(store), ['undo undo.a 1', 'undo undo.b 1']);
    await scenario.perform(sagaId, undo(1));
    same(await missingIn(store), ['undo undo.a 1']);
    await scenario.fail(await scenario.claim(sagaId, undo(0)));
    same(await missingIn(store), ['undo undo.a 1']); // stuck: a person may have it tried again
  }),

  promise(
    'conditions, those who are asked whether an action took effect, and the steps of a child saga are needed too',
    async ({ store }) => {
      const scenario = new Scenario(store);
      const child = plan([step('x', { condition: 'is.x', compensation: null })], 'child');
      const of = plan([
        step('a', { condition: 'is.a', compensation: null }),
        step('b', { verifyPolicy: ONCE, compensation: null }),
        step('c', { child, compensation: null }),
      ]);
      await scenario.start(of);
      same(await missingIn(store, 'action do.a', 'action do.b', 'action do.c'), [
        'action do.x 1',
        'condition is.a 1',
        'condition is.x 1',
        'verify do.b 1',
      ]);
    },
  ),
];
