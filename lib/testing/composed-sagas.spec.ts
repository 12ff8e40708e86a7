import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ref, type StepList } from '../index';
import { explore, SagaTestKit, type HandlerStubs } from './index';

const DAY = 86_400_000;

/** What is held under which key. */
let held: Map<string, boolean>;
let kit: SagaTestKit;

function handlers(): HandlerStubs {
  held = new Map();
  const hold = (_input: unknown, { idempotencyKey }: { readonly idempotencyKey: string }): string => {
    if (!held.has(idempotencyKey)) held.set(idempotencyKey, true);
    return idempotencyKey;
  };
  return {
    actions: { hold, list: () => [1, 2], send: () => 'sent' },
    compensations: { release: { for: 'hold', run: (_output, ctx) => void held.set(ctx.actionIdempotencyKey, false) } },
  };
}

const STEPS: StepList = [
  { name: 'insurance', saga: { name: 'insurance', steps: [{ name: 'issue', action: 'hold' }] } },
  { name: 'passengers', action: 'list' },
  { name: 'seats', map: { over: ref('passengers'), action: 'hold' } },
  { name: 'approval', signal: 'approved', timeoutMs: 3 * DAY },
  { name: 'close', action: 'send', kind: 'retriable' },
];

const heldNow = (): number => [...held.values()].filter((is) => is).length;

async function approved(): Promise<string> {
  const run = await kit.start('travel', STEPS);
  await kit.sagas.signal(run.id, 'approved', null);
  return (await run.end()).state;
}

beforeEach(async () => {
  kit = await SagaTestKit.create({ handlers: handlers() });
});
afterEach(() => kit.close());

describe('a saga with others in it, under test', () => {
  it.each(['issue', 'item_0002'])('lets %s go wrong, a step of a saga that it starts', async (step) => {
    kit.step(step).fails();
    expect(await approved()).toBe(step === 'issue' ? 'failed' : 'compensated');
    expect(heldNow()).toBe(0);
  });

  it.each([
    ['insurance', `saga "travel" has no handler for its step "insurance": name a step of the saga that it runs, like 'issue'`],
    ['seats', `saga "travel" has no handler for its step "seats": name one of its items, like 'item_0001'`],
    ['approval', 'saga "travel" has no handler for its step "approval"; the test says what is to go wrong with it'],
    ['isue', 'saga "travel" has no step "isue" (did you mean "issue"?)'],
  ])('refuses to let %s go wrong, which would never happen', async (step, message) => {
    kit.step(step).fails();
    await expect(approved()).rejects.toThrow(message);
  });

  it('refuses to let a compensation go wrong that a step does not have', async () => {
    kit.undo('close').fails();
    await expect(approved()).rejects.toThrow('saga "travel" has no compensation for its step "close"');
  });

  it('is explored with the steps of those others, and lets a retriable step go wrong once', async () => {
    const { cases } = await explore(() => ({
      handlers: handlers(),
      saga: { name: 'travel', steps: STEPS },
      during: async (run, { sagas }) => {
        await sagas.signal(run.id, 'approved', null);
      },
      invariant: ({ saga }) => expect(heldNow()).toBe(saga.isCompleted ? 3 : 0),
    }));
    const names = cases.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['issue times out after', 'item_0001 fails', 'item_0002 crashes before']));
    expect(names.filter((name) => name.endsWith(' + undo issue crashes after'))).toHaveLength(1);
    const closed = cases.filter(({ name }) => name.startsWith('close '));
    expect(closed.map(({ state }) => state)).toEqual(closed.map(() => 'completed'));
    expect(names).toContain('close times out after');
  });

  it('may wait in them for months', async () => {
    const sleeps: StepList = [{ name: 'child', saga: { name: 'child', steps: [{ name: 'sleep', sleepMs: 90 * DAY }] } }];
    const saga = await kit.run('parent', sleeps);
    expect(saga.completedAt?.getTime()).toBe(saga.createdAt.getTime() + 90 * DAY);
  });

  it('gives up a step that is tried for ever, with the beginning and the end of its timeline', async () => {
    kit.step('close').fails();
    const error: unknown = await approved().catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/^SagaTestError: the saga has not ended, and it is tried again and again: .*step "close"/);
    expect(String(error).split('\n').length).toBeLessThan(100);
  });
});
