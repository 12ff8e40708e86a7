import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { StepError } from 'nest-saga';
import { compensationContext, explore, SagaTestKit } from 'nest-saga/testing';
import { FakeBank, FakeHotels } from './fake-participants';
import { Bank, Hotels } from './participants';
import { TripSaga } from './trip.saga';

const trip = { nights: 3, cents: 45_000 };

describe('a trip', () => {
  let kit: SagaTestKit;
  let bank: FakeBank;
  let hotels: FakeHotels;

  beforeEach(async () => {
    bank = new FakeBank();
    hotels = new FakeHotels();
    kit = await SagaTestKit.create({
      providers: [TripSaga, { provide: Bank, useValue: bank }, { provide: Hotels, useValue: hotels }],
    });
  });
  afterEach(() => kit.close());

  test('is booked and paid', async () => {
    const saga = await kit.run(TripSaga, trip);
    assert.equal(saga.state, 'completed');
    assert.deepEqual([hotels.nights, bank.cents], [3, 45_000]);
  });

  test('is given back when the card is declined', async () => {
    kit.step('charge').fails(new StepError({ code: 'CARD_DECLINED', message: 'no', retryable: false }));
    const saga = await kit.run(TripSaga, trip);
    assert.deepEqual([saga.state, hotels.nights, bank.cents], ['compensated', 0, 0]);
  });

  test('is paid three quarters of an hour later when the bank is busy until then', async () => {
    kit.step('charge').fails(new Error('busy')).times(3);
    const saga = await kit.run(TripSaga, trip);
    assert.equal(
      await kit.timeline(saga.id),
      [
        '        +0 ms  book_room    completed',
        '        +0 ms  charge       failed: Error busy',
        '  +900,000 ms  charge       failed at attempt 2: Error busy',
        '+1,800,000 ms  charge       failed at attempt 3: Error busy',
        '+2,700,000 ms  charge       completed at attempt 4',
        '+2,700,000 ms  send_papers  completed',
        '+2,700,000 ms               the saga is completed',
      ].join('\n'),
    );
  });

  test('is paid once when the process dies after it was paid', async () => {
    kit.step('charge').crashes('after');
    const saga = await kit.run(TripSaga, trip);
    assert.deepEqual([saga.state, bank.cents], ['completed', 45_000]);
    const charges = kit.effects.filter(({ step }) => step === 'charge');
    assert.equal(charges.length, 2);
    assert.equal(new Set(charges.map(({ idempotencyKey }) => idempotencyKey)).size, 1);
  });

  test('can be looked at while it waits', async () => {
    kit.step('charge').fails(new Error('busy'));
    const run = await kit.start(TripSaga, trip);
    await run.until('retrying');
    await kit.clock.advance(10 * 60_000);
    assert.equal((await run.saga()).state, 'started');
    await kit.sagas.compensate(run.id, { actor: 'the customer' });
    assert.equal((await run.end()).state, 'compensated');
  });
});

test('whatever goes wrong with a trip, it is either booked and paid or neither', async () => {
  const { summary } = await explore(() => {
    const bank = new FakeBank();
    const hotels = new FakeHotels();
    return {
      providers: [TripSaga, { provide: Bank, useValue: bank }, { provide: Hotels, useValue: hotels }],
      saga: TripSaga,
      input: trip,
      invariant: ({ saga }) => assert.deepEqual([hotels.nights, bank.cents], saga.isCompleted ? [3, 45_000] : [0, 0]),
    };
  });
  console.log(summary);
});

test('a refund needs no receipt', async () => {
  const bank = new FakeBank();
  await bank.charge('the-charge', 500);
  await new TripSaga(new FakeHotels(), bank).refund(
    undefined,
    compensationContext({ outcome: 'unknown', actionIdempotencyKey: 'the-charge' }),
  );
  assert.equal(bank.cents, 0);
});
