// Whole sagas of many shapes, explored: whatever goes wrong with any of their steps, the books are right in the end.

import { describe, expect, it } from '@jest/globals';
import { ref, StepError, type CompensationContext, type StepContext, type StepList, type VerifyContext } from '../index';
import { explore, SagaTestKit, type ExploreOptions, type SagaTestKitOptions } from './index';

const DAY = 86_400_000;

/** A participant that does a thing once for each key, and refuses it once its undo has come. */
class Books {
  private readonly entries = new Map<string, 'done' | 'undone'>();

  do(key: string): void {
    if (this.entries.get(key) === 'undone')
      throw new StepError({ code: 'CLOSED', message: 'it was undone before it came', retryable: false });
    this.entries.set(key, 'done');
  }

  undo(key: string): void {
    this.entries.set(key, 'undone');
  }

  has(key: string): boolean {
    return this.entries.get(key) === 'done';
  }

  get done(): number {
    return [...this.entries.values()].filter((entry) => entry === 'done').length;
  }
}

const book =
  (books: Books) =>
  (_input: unknown, ctx: StepContext): string => {
    books.do(ctx.idempotencyKey);
    return ctx.idempotencyKey;
  };
const giveBack =
  (books: Books) =>
  (_output: unknown, ctx: CompensationContext): void => {
    books.undo(ctx.actionIdempotencyKey);
  };

const RESERVATIONS = ['flight', 'hotel', 'car'];
const TRIP: StepList = [
  RESERVATIONS.map((name) => ({ name, action: 'book', compensation: 'giveBack' })),
  { name: 'charge', action: 'charge', kind: 'pivot', input: { seat: ref('flight') } },
  { name: 'tickets', action: 'issue', kind: 'retriable', input: { paid: ref('charge') } },
];

const kitOf = (books: Books): SagaTestKitOptions => ({
  handlers: {
    actions: { book: book(books), charge: book(books), issue: book(books) },
    compensations: { giveBack: { for: 'book', run: giveBack(books) } },
    verifiers: {
      // An action that may still come is kept from coming: only then is "no" an answer.
      charge: (_input: unknown, ctx: VerifyContext) => {
        if (books.has(ctx.actionIdempotencyKey)) return { outcome: 'done', output: ctx.actionIdempotencyKey };
        books.undo(ctx.actionIdempotencyKey);
        return { outcome: 'not-done' };
      },
    },
  },
});

function trip(): ExploreOptions {
  const books = new Books();
  return {
    ...kitOf(books),
    saga: { name: 'trip', steps: TRIP },
    invariant: ({ saga }) => expect(books.done).toBe(saga.isCompleted ? TRIP.flat().length : 0),
  };
}

it('three reservations side by side and a pivot are all kept, all given back, or never made, whatever two things go wrong', async () => {
  const { cases } = await explore(() => ({ ...trip(), depth: 2 }));
  expect(cases.length).toBeGreaterThan(500);
  expect(new Set(cases.map(({ state }) => state))).toEqual(new Set(['completed', 'compensated', 'failed']));
}, 120_000);

it('two handlers that die at the same moment take one process with them, and the next one goes on', async () => {
  const kit = await SagaTestKit.create(kitOf(new Books()));
  kit.step('flight').crashes('after');
  kit.step('hotel').crashes('before');
  const saga = await kit.run('trip', TRIP);
  expect(saga.state).toBe('completed');
  await kit.close();
});

const APPROVED: StepList = [
  { name: 'reserve', action: 'book', compensation: 'giveBack' },
  { name: 'approval', signal: 'approved', timeoutMs: 4 * DAY },
  { name: 'charge', action: 'book', compensation: 'giveBack' },
];

describe('a saga that waits for a signal', () => {
  it('goes on when it comes after three days, whatever process is there by then', async () => {
    const books = new Books();
    const kit = await SagaTestKit.create(kitOf(books));
    kit.step('charge').crashes('after');
    const run = await kit.start('order', APPROVED);
    await run.until('waiting');
    await kit.clock.advance(3 * DAY);
    await kit.sagas.signal(run.id, 'approved', { by: 'ann' });
    const saga = await run.end();
    expect([saga.state, books.done]).toEqual(['completed', 2]);
    expect(saga.steps[1]?.output).toEqual({ by: 'ann' });
    expect(saga.completedAt?.getTime()).toBeGreaterThanOrEqual(saga.createdAt.getTime() + 3 * DAY);
    await kit.close();
  });

  it('gives everything back when nobody says anything for four', async () => {
    const books = new Books();
    const kit = await SagaTestKit.create(kitOf(books));
    const saga = await kit.run('order', APPROVED);
    expect([saga.state, books.done, saga.steps[1]?.error?.code]).toEqual(['compensated', 0, 'SIGNAL_TIMEOUT']);
    expect(saga.completedAt?.getTime()).toBe(saga.createdAt.getTime() + 4 * DAY);
    await kit.close();
  });
});
