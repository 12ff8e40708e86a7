import { afterEach, describe, expect, it } from '@jest/globals';
import { StepError, type StepList } from '../index';
import { SagaTestKit, type RecordedEffect } from './index';

const STEPS: StepList = [
  { name: 'reserve', action: 'reserve', compensation: 'release' },
  { name: 'charge', action: 'charge', compensation: 'refund' },
];

const kits: SagaTestKit[] = [];
afterEach(async () => {
  await Promise.all(kits.splice(0).map((kit) => kit.close()));
});

async function kitWith(retry?: { readonly attempts: number; readonly backoff: 'fixed'; readonly baseMs: number }): Promise<SagaTestKit> {
  const kit = await SagaTestKit.create({
    handlers: {
      actions: { reserve: () => 'reserved', charge: { run: () => 'charged', ...(retry && { retry }) } },
      compensations: { release: () => undefined, refund: () => undefined },
    },
  });
  kits.push(kit);
  return kit;
}

const calls = (kit: SagaTestKit): readonly string[] =>
  kit.effects.map(({ step, direction, attempt, isHeard }) => `${direction} ${step} ${attempt}${isHeard ? '' : ' unheard'}`);

const undoOf = (kit: SagaTestKit, step: string): RecordedEffect | undefined =>
  kit.effects.find((effect) => effect.direction === 'undo' && effect.step === step);

describe('what goes wrong with a step', () => {
  it('fails: its handler is not called, and the saga is undone', async () => {
    const kit = await kitWith();
    kit.step('charge').fails(new StepError({ code: 'CARD_DECLINED', message: 'no' }));
    const saga = await kit.run('order', STEPS);
    expect(saga.state).toBe('compensated');
    expect(saga.cause).toMatchObject({ kind: 'step-failed', step: 'charge', error: { code: 'CARD_DECLINED' } });
    expect(calls(kit)).toEqual(['action reserve 1', 'undo reserve 1']);
  });

  it('fails as often as the test says, and then works', async () => {
    const kit = await kitWith({ attempts: 3, backoff: 'fixed', baseMs: 1_000 });
    kit.step('charge').fails(new Error('busy')).times(2);
    expect((await kit.run('order', STEPS)).state).toBe('completed');
    expect(calls(kit)).toEqual(['action reserve 1', 'action charge 3']);
  });

  it('times out before anything was done: its undo knows nothing of it, and there is nothing to undo', async () => {
    const kit = await kitWith();
    kit.step('charge').timesOut('before');
    expect((await kit.run('order', STEPS)).state).toBe('compensated');
    expect(calls(kit)).toEqual(['action reserve 1', 'undo charge 1', 'undo reserve 1']);
    expect(undoOf(kit, 'charge')).toMatchObject({ actionOutcome: 'unknown', input: undefined });
  });

  it('times out after it was done: its undo knows nothing of it, and has to undo it all the same', async () => {
    const kit = await kitWith();
    kit.step('charge').timesOut();
    expect((await kit.run('order', STEPS)).state).toBe('compensated');
    expect(calls(kit)).toEqual(['action reserve 1', 'action charge 1 unheard', 'undo charge 1', 'undo reserve 1']);
    expect(undoOf(kit, 'charge')).toMatchObject({ actionOutcome: 'unknown', input: undefined });
  });

  it('times out more often than there are workers, and no worker is lost by it', async () => {
    const kit = await kitWith({ attempts: 30, backoff: 'fixed', baseMs: 1_000 });
    kit.step('charge').timesOut('before').times(25);
    expect((await kit.run('order', STEPS)).state).toBe('completed');
  });

  it.each([
    ['before', ['action reserve 1', 'action charge 1']],
    ['after', ['action reserve 1', 'action charge 1 unheard', 'action charge 1']],
  ] as const)('crashes %s: another process takes it up when the lease is over, under the same key', async (when, expected) => {
    const kit = await kitWith();
    kit.step('charge').crashes(when);
    const saga = await kit.run('order', STEPS);
    expect(saga.state).toBe('completed');
    expect(calls(kit)).toEqual(expected);
    expect(new Set(kit.effects.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(2);
    expect(saga.completedAt!.getTime() - saga.createdAt.getTime()).toBe(40_000); // the lease and the grace after it
  });

  it('crashes until its budget is used up, and nobody knows then whether it was done', async () => {
    const kit = await kitWith();
    kit.step('charge').crashes().times(10);
    const saga = await kit.run('order', STEPS);
    expect(saga.state).toBe('compensated');
    expect(saga.steps[1]?.error?.code).toBe('WORKER_LOST');
    expect(undoOf(kit, 'charge')?.actionOutcome).toBe('unknown');
  });

  it('takes with it what runs beside it when its process crashes', async () => {
    const kit = await kitWith();
    const [reserve, charge] = STEPS;
    kit.step('reserve').crashes('before');
    const saga = await kit.run('order', [[reserve, charge] as never]);
    expect(saga.state).toBe('completed');
    expect(kit.effects.filter(({ step }) => step === 'reserve')).toHaveLength(1);
  });

  it('runs twice, with one key', async () => {
    const kit = await kitWith();
    kit.step('charge').runsTwice();
    expect((await kit.run('order', STEPS)).state).toBe('completed');
    expect(calls(kit)).toEqual(['action reserve 1', 'action charge 1 unheard', 'action charge 1']);
  });

  it('comes late: when its saga has been undone, and is undone once more with what it returned', async () => {
    const kit = await kitWith();
    kit.step('charge').comesLate();
    const saga = await kit.run('order', STEPS);
    expect(saga.state).toBe('compensated');
    expect(saga.attention).toBe(false);
    const refunds = kit.effects.filter(({ step, direction }) => step === 'charge' && direction === 'undo');
    expect(refunds.map(({ round, actionOutcome, input }) => [round, actionOutcome, input])).toEqual([
      [1, 'unknown', undefined],
      [2, 'completed', 'charged'],
    ]);
    expect(new Set(refunds.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
  });

  it('comes late by as much as the test says: within the grace its word still counts', async () => {
    const kit = await kitWith();
    kit.step('reserve').comesLate(65_000);
    expect((await kit.run('order', STEPS)).state).toBe('completed');
  });

  it('has several faults one after the other', async () => {
    const kit = await kitWith({ attempts: 4, backoff: 'fixed', baseMs: 1_000 });
    kit.step('charge').fails(new Error('busy')).times(1);
    kit.step('charge').crashes('before');
    kit.step('charge').timesOut('after').times(1);
    const saga = await kit.run('order', STEPS);
    expect(saga.state).toBe('completed');
    expect(await kit.timeline(saga.id)).toBe(
      [
        '      +0 ms  reserve  completed',
        '      +0 ms  charge   failed: Error busy',
        '  +1,000 ms  charge   the process dies, before it has done anything',
        ' +41,000 ms  charge   given up: WORKER_LOST the process that ran it stopped reporting (1 so far)',
        ' +41,000 ms  charge   says nothing, after it has done what it does',
        '+111,000 ms  charge   given up at attempt 2: STEP_TIMEOUT no outcome within 60000 ms',
        '+112,000 ms  charge   completed at attempt 3',
        '+112,000 ms           the saga is completed',
      ].join('\n'),
    );
  });

  it.each([0, 1.5, Number.NaN])('does not go wrong %p times', async (n) => {
    const kit = await kitWith();
    expect(() => kit.step('charge').fails().times(n)).toThrow('times() takes a whole number, 1 or more');
  });
});

describe('what goes wrong with a compensation', () => {
  it('is tried again until it works', async () => {
    const kit = await kitWith();
    kit.step('charge').fails();
    kit.undo('reserve').fails(new Error('busy')).times(3);
    kit.undo('reserve').crashes('after');
    kit.undo('reserve').timesOut('after').times(1);
    expect((await kit.run('order', STEPS)).state).toBe('compensated');
    expect(calls(kit)).toEqual(['action reserve 1', 'undo reserve 4 unheard', 'undo reserve 4 unheard', 'undo reserve 5']);
  });

  it('ends in a saga that is stuck, until a person asks for it again', async () => {
    const kit = await kitWith();
    kit.step('charge').fails();
    kit.undo('reserve').fails().times(20);
    const saga = await kit.run('order', STEPS);
    expect(saga.state).toBe('stuck');
    await kit.sagas.compensate(saga.id);
    expect((await kit.found(saga.id).end()).state).toBe('compensated');
  });
});
