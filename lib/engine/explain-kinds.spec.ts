import { describe, expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import type { SagaOrder } from '../core/event';
import type { OperationPolicy } from '../core/plan';
import { withOperations } from '../core/saga-value';
import { action, failed, plan, Scenario, SECOND, step } from '../testing/store-contract.scenario';
import { explain, type Explanation } from './explain';
import { attentionWords } from './explain-kinds';

const TWICE: OperationPolicy = { timeoutMs: 1_000, retry: { attempts: 2, backoff: 'fixed', baseMs: 40_000, maxMs: 40_000 }, losses: 2 };
const JOURNEY = plan([
  step('reserve'),
  step('charge', { dependsOn: [0], kind: 'pivot', compensation: null }),
  step('issue', { dependsOn: [1], kind: 'retriable', compensation: null, actionPolicy: TWICE }),
]);

/** A journey whose seats are reserved, and whose charge has begun. */
class Journey extends Scenario {
  id = '';
  private readonly clock: { now: number };

  constructor(clock = { now: 1_000_000 }) {
    super(new InMemorySagaStore(() => clock.now));
    this.clock = clock;
  }

  async begin(): Promise<this> {
    this.id = await this.start(JOURNEY, { deadlineMs: 1_000 * SECOND });
    await this.perform(this.id, action(0));
    return this;
  }

  async orders(type: SagaOrder['type']): Promise<void> {
    await this.apply(this.id, { type, reason: 'the customer called', actor: 'ann' });
  }

  async says(): Promise<Explanation> {
    const inspected = await this.store.inspect(this.id);
    if (inspected === null) throw new Error('the saga is gone');
    return explain(inspected, { graceMs: 0, isOffered: () => true, pausedBy: null });
  }

  later(ms: number): void {
    this.clock.now += ms;
  }
}

const calls = ({ options }: Explanation): readonly string[] =>
  options.map(({ call }) => call.replace(/^\w+\.(\w+)\('[^']+'(?:, ('\w+'))?.*$/, '$1 $2').trim());

describe('of a saga with a pivot explain() says', () => {
  it('that a wish to turn back waits for its outcome', async () => {
    const journey = await new Journey().begin();
    await journey.claim(journey.id, action(1));
    await journey.orders('cancel');
    const said = await journey.says();
    expect(said.summary).toContain(
      'It is to turn back, and whether it can is decided by the outcome of its pivot "charge". The reason: ann asked for it: the customer called.',
    );
    expect(calls(said)).not.toContain('cancel');
    expect(said.next.map(({ what }) => what).join()).not.toContain('deadline');
  });

  it('that it goes forward only, and what becomes of its deadline', async () => {
    const journey = await new Journey().begin();
    await journey.perform(journey.id, action(1));
    const said = await journey.says();
    expect(said.why).toContain('It is past its pivot "charge": it goes forward only.');
    expect(calls(said)).not.toContain('cancel');
    expect(said.next).toContainEqual(
      expect.objectContaining({ what: expect.stringContaining('a person is told, for there is no way back') }),
    );
  });

  it('who has to say how it ended when nobody knows', async () => {
    const journey = await new Journey().begin();
    const claim = await journey.claim(journey.id, action(1));
    await journey.apply(journey.id, { ...failed(claim, { retryable: false }), outcome: 'unknown' } as Parameters<Scenario['apply']>[1]);
    const said = await journey.says();
    expect(said.summary).toBe(
      'The saga "order" is stuck and waits for a person: nobody knows whether the pivot "charge" took effect after 1 attempt: BROKEN, it broke. ' +
        'Nobody knows whether its pivot "charge" took effect, so nobody knows whether it can turn back: resolveStep() says so.',
    );
    expect(said.options.slice(0, 2).map(({ effect }) => effect)).toEqual([
      'takes your word that it took effect: the saga goes forward, and there is no way back',
      'takes your word that it took no effect: the saga turns back',
    ]);
    expect(calls(said)).toEqual(["resolveStep 'charge'", "resolveStep 'charge'", 'pause', 'terminate']);
  });
});

it('says of a pivot that it took effect late only if it did: one of its attempts may have asked late, for nothing', async () => {
  const journey = await new Journey().begin();
  await journey.fail(await journey.claim(journey.id, action(1)));
  const stored = await journey.store.find(journey.id);
  const pivot = stored?.saga.operations.get('action:1:1');
  if (stored == null || pivot === undefined) throw new Error('the saga is gone');
  const wordsAfter = (code: string): readonly string[] => {
    const late = { ...pivot, lateFence: 1, error: { code, message: 'no' } };
    return attentionWords({ ...stored, saga: { ...withOperations(stored.saga, [late]), attention: true } });
  };
  expect(pivot.state).toBe('failed');
  expect(wordsAfter('E')).toEqual([]);
  expect(wordsAfter('LATE_EFFECT')).toEqual([expect.stringContaining('Its pivot "charge" took effect')]);
});

describe('of a retriable step explain() says', () => {
  it('that it is tried until it completes, and that it takes long', async () => {
    const journey = await new Journey().begin();
    await journey.perform(journey.id, action(1));
    await journey.fail(await journey.claim(journey.id, action(2)));
    journey.later(40 * SECOND);
    const claim = await journey.claim(journey.id, action(2));
    expect((await journey.says()).where).toEqual([expect.stringContaining('(attempt 2, tried until it completes)')]);
    await journey.fail(claim);
    const said = await journey.says();
    expect(said.where).toEqual([expect.stringContaining('(2 attempts so far, and on until it completes): BROKEN, it broke.')]);
    expect(said.why).toContain('Step "issue" has not completed in 2 attempts, and is tried on.');
    expect(calls(said)).toEqual(["retryStep 'issue'", "skipStep 'issue'", "resolveStep 'issue'", 'acknowledge', 'pause', 'terminate']);
  });
});
