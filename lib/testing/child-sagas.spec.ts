import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StepError, type ChildSaga, type Saga, type StartOptions, type StepList } from '../index';
import { SagaTestKit, type TestRun } from './index';

const child: ChildSaga = {
  name: 'child',
  steps: [
    { name: 'take', action: 'take' },
    { name: 'confirmed', signal: 'confirmed' },
  ],
};
const parent: StepList = [
  { name: 'first', action: 'act' },
  { name: 'kid', saga: child },
];

/** The world in which `take` takes something, and its undo brings it back. */
let taken: string[];
let isBroken: boolean;
let kit: SagaTestKit;

beforeEach(async () => {
  taken = [];
  isBroken = false;
  kit = await SagaTestKit.create({
    handlers: {
      actions: {
        act: () => 'acted',
        refuse: () => Promise.reject(new Error('no')),
        take: (_input, ctx) => void taken.push(ctx.idempotencyKey),
      },
      compensations: {
        'act.undo': { for: 'act', run: () => undefined },
        'take.undo': {
          for: 'take',
          run: (_output, ctx) => {
            if (isBroken) throw new StepError({ code: 'BROKEN', message: 'cannot bring it back', retryable: false });
            taken = taken.filter((key) => key !== ctx.actionIdempotencyKey);
          },
        },
      },
    },
  });
});

afterEach(async () => kit.close());

/** A parent whose child has taken something, and waits. */
async function withRunningChild(steps = parent): Promise<{ run: TestRun; childId: string }> {
  const run = await kit.start('parent', steps);
  const { child: begun } = kidOf(await run.until((saga) => kidOf(saga).child !== null));
  const childId = begun?.id ?? '';
  await kit.found(childId).until('waiting');
  return { run, childId };
}

function kidOf(saga: Saga): Saga['steps'][number] {
  const step = saga.steps.find(({ name }) => name === 'kid');
  if (step === undefined) throw new Error('it has no step "kid"');
  return step;
}

describe('a child saga that a person ends as it is', () => {
  it('leaves its parent stuck, because what the child did is there still', async () => {
    const { run, childId } = await withRunningChild();
    await kit.operator.terminate(childId);
    const stuck = await run.end();
    expect([stuck.state, taken.length]).toEqual(['stuck', 1]);
    expect((await kit.operator.explain(run.id)).summary).toContain(
      `CHILD_TERMINATED, somebody ended saga ${childId} with "take" not undone`,
    );

    await kit.operator.resolveStep(run.id, 'kid', { status: 'compensated' });
    expect((await run.end()).state).toBe('compensated');
  });

  it('leaves its parent stuck when it is ended because its undo does not work', async () => {
    isBroken = true;
    const { run, childId } = await withRunningChild();
    await kit.operator.cancel(run.id);
    await run.until((saga) => kidOf(saga).child?.state === 'stuck');
    await kit.operator.terminate(childId);
    expect(await run.end()).toMatchObject({
      state: 'stuck',
      steps: [{}, { status: 'compensation_failed', error: { code: 'CHILD_TERMINATED' } }],
    });
  });

  it('leaves its parent stuck when it was to undo one that had completed', async () => {
    isBroken = true;
    const { run, childId } = await withRunningChild([...parent, { name: 'last', action: 'refuse' }]);
    await kit.sagas.signal(childId, 'confirmed');
    await run.until((saga) => kidOf(saga).error?.code === 'CHILD_STUCK');
    const [undoing] = await kit.sagas.list({ parent: run.id, state: 'stuck' });
    await kit.operator.terminate(undoing?.id ?? '');
    expect(await run.end()).toMatchObject({ state: 'stuck', steps: [{}, { error: { code: 'CHILD_TERMINATED' } }, {}] });
  });

  it('lets its parent turn back when it has left nothing behind', async () => {
    const waiting: ChildSaga = { name: 'child', steps: [{ name: 'confirmed', signal: 'confirmed' }] };
    const { run, childId } = await withRunningChild([{ name: 'kid', saga: waiting }]);
    await kit.operator.terminate(childId);
    expect(await run.end()).toMatchObject({ state: 'failed', cause: { error: { code: 'CHILD_FAILED' } } });
  });

  it('leaves its parent stuck when it had passed its pivot', async () => {
    const pivotal: ChildSaga = {
      name: 'child',
      steps: [
        { name: 'charge', action: 'act', kind: 'pivot', compensation: null },
        { name: 'later', action: 'refuse', kind: 'retriable', compensation: null },
      ],
    };
    const run = await kit.start('parent', [{ name: 'kid', saga: pivotal }]);
    const { child: begun } = kidOf(await run.until((saga) => kidOf(saga).child !== null));
    await kit.found(begun?.id ?? '').until('retrying');
    await kit.operator.terminate(begun?.id ?? '');
    expect(await run.end()).toMatchObject({ state: 'stuck', steps: [{ error: { code: 'CHILD_TERMINATED' } }] });
  });
});

describe('a step that somebody says has failed while its child saga runs', () => {
  it('is undone all the same: the child is cancelled', async () => {
    const { run, childId } = await withRunningChild();
    const { options } = await kit.operator.explain(run.id);
    expect(options.find(({ call }) => call.includes("status: 'failed'"))?.effect).toContain('the one that it runs is cancelled');
    await kit.operator.resolveStep(run.id, 'kid', { status: 'failed', error: { message: 'it takes too long' } });
    expect((await run.end()).state).toBe('compensated');
    expect([(await kit.sagas.get(childId)).state, taken]).toEqual(['compensated', []]);
  });
});

describe('a child saga that is stuck', () => {
  const failing: ChildSaga = { name: 'child', steps: [...child.steps.slice(0, 1), { name: 'no', action: 'refuse' }] };

  async function withStuckChild(steps: StepList, options: StartOptions = {}): Promise<{ run: TestRun; childId: string }> {
    isBroken = true;
    const run = await kit.start('parent', steps, {}, options);
    const { child: begun } = kidOf(await run.until((saga) => kidOf(saga).error?.code === 'CHILD_STUCK'));
    return { run, childId: begun?.id ?? '' };
  }

  async function helped(childId: string): Promise<void> {
    isBroken = false;
    await kit.sagas.compensate(childId);
  }

  it('is no error of the step any more when it was undone with its parent', async () => {
    const { run, childId } = await withStuckChild([{ name: 'kid', saga: failing }]);
    await kit.operator.cancel(run.id);
    await run.until((saga) => kidOf(saga).error?.code === 'CHILD_STUCK'); // now its undo waits for it
    await helped(childId);
    const { state, steps } = await run.end();
    expect([state, steps[0]?.status, steps[0]?.error]).toEqual(['compensated', 'compensated', null]);
  });

  it('is no error of a step that somebody skips', async () => {
    const { run } = await withStuckChild([
      { name: 'kid', saga: failing },
      { name: 'last', action: 'act' },
    ]);
    await kit.operator.skipStep(run.id, 'kid');
    const { state, steps } = await run.end();
    expect([state, steps[0]?.status, steps[0]?.error]).toEqual(['completed', 'skipped', null]);
  });

  it('does not keep the others from being undone one at a time, if they are to go on', async () => {
    const { run, childId } = await withStuckChild(
      [
        [
          { name: 'first', action: 'act' },
          { name: 'second', action: 'act' },
        ],
        { name: 'kid', saga: failing, dependsOn: [] },
      ],
      { onStuck: 'continue', undosAtOnce: 1 },
    );
    await run.until((saga) => saga.steps.every(({ name, status }) => name === 'kid' || status === 'completed'));
    await kit.operator.cancel(run.id);
    const waiting = await run.until((saga) => saga.steps.filter(({ status }) => status === 'compensated').length === 2);
    expect([waiting.state, kidOf(waiting).status]).toEqual(['compensating', 'compensating']);
    await helped(childId);
    expect((await run.end()).state).toBe('compensated');
  });
});
