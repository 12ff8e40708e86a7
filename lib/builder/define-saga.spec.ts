import { describe, expect, it } from '@jest/globals';
import { SagaPlanError } from '../errors';
import { contextRef, ref } from '../core/reference';
import { defineSaga } from './define-saga';

declare module '../core/saga-actions' {
  interface SagaActions {
    'spec.create': { input: { productId: string }; output: { orderId: string; lines: readonly { sku: string }[] } };
    'spec.charge': { input: { orderId: string; amount: number }; output: { transaction: string } };
  }
}

interface Order {
  readonly productId: string;
  readonly amount: number;
}

const order = () =>
  defineSaga<Order>('order', { deadlineMs: 5_000 })
    .step('create', { action: 'spec.create', input: ({ context }) => ({ productId: context.productId }) })
    .parallel((p) =>
      p.step('reserve', { action: 'spec.reserve', compensation: 'spec.release' }).step('validate', { action: 'spec.validate' }),
    )
    .step('charge', {
      action: 'spec.charge',
      input: ({ outputs, context }) => ({ orderId: outputs.create.orderId, amount: context.amount }),
      retry: { attempts: 3 },
    });

const created = () => defineSaga<Order>('order').step('create', { action: 'spec.create', input: { productId: 'p' } });

describe('defineSaga', () => {
  it('makes plain data with references where values come from elsewhere', () => {
    const { name, steps, deadlineMs } = order();
    expect({ name, deadlineMs }).toEqual({ name: 'order', deadlineMs: 5_000 });
    expect(steps).toEqual([
      { name: 'create', action: 'spec.create', input: { productId: contextRef('productId') } },
      [
        { name: 'reserve', action: 'spec.reserve', compensation: 'spec.release' },
        { name: 'validate', action: 'spec.validate' },
      ],
      {
        name: 'charge',
        action: 'spec.charge',
        input: { orderId: ref('create', 'orderId'), amount: contextRef('amount') },
        retry: { attempts: 3 },
      },
    ]);
  });

  it('leaves the saga it was called on as it was, so that one beginning can have several ends', () => {
    const beginning = defineSaga('s').step('a', { action: 'x' });
    const [long, short] = [beginning.step('b', { action: 'y' }), beginning];
    expect([long.steps.length, short.steps.length]).toEqual([2, 1]);
  });

  it('refers to a whole output, to an element of a list, and inside of nested data', () => {
    const saga = order().step('ship', {
      action: 'spec.ship',
      input: ({ outputs }) => ({ whole: outputs.charge, first: [outputs.create.lines[0]?.sku, { deep: outputs.create.lines }] }),
    });
    expect(saga.steps.at(-1)).toMatchObject({
      input: { whole: ref('charge'), first: [ref('create', 'lines', '0', 'sku'), { deep: ref('create', 'lines') }] },
    });
  });

  it.each([
    ['joined to a text', () => created().step('b', { action: 'x', input: ({ outputs }) => `order ${outputs.create.orderId}` })],
    ['added up', () => created().step('b', { action: 'x', input: ({ context }) => context.amount * 2 })],
    ['spread', () => created().step('b', { action: 'x', input: ({ outputs }) => ({ ...outputs.create }) })],
  ])('refuses a value that does not exist yet to be %s', (_what, use) => {
    expect(use).toThrow(SagaPlanError);
    expect(use).toThrow(/step "b".*does not exist yet when the saga is defined/);
  });

  it('says which step it was whose function threw', () => {
    const broken = (): unknown => {
      throw new Error('boom');
    };
    expect(() => defineSaga('s').step('a', { action: 'x', input: broken })).toThrow('step "a": its input cannot be made: boom');
  });

  it('knows inputs and outputs of the handlers that the application lists', () => {
    /* eslint-disable @typescript-eslint/no-unsafe-return -- what is no type error here fails the test */
    const begun = created();
    // @ts-expect-error -- an input that the handler does not take
    begun.step('charge', { action: 'spec.charge', input: { orderId: 5, amount: 1 } });
    // @ts-expect-error -- an output that the step does not have
    begun.step('charge', { action: 'spec.ship', input: ({ outputs }) => outputs.create.nothing });
    // @ts-expect-error -- a step that does not come before
    begun.step('charge', { action: 'spec.ship', input: ({ outputs }) => outputs.later });
    // @ts-expect-error -- a name that is taken
    begun.step('create', { action: 'spec.ship' });
    // @ts-expect-error -- a branch cannot see the branch beside it
    begun.parallel((p) => p.step('a', { action: 'spec.charge' }).step('b', { action: 'x', input: ({ outputs }) => outputs.a }));
    /* eslint-enable @typescript-eslint/no-unsafe-return */
    expect(begun.steps).toHaveLength(1);
  });

  it('runs other sagas, and actions for each item of a list, with the types of both', () => {
    const child = defineSaga<{ amount: number }>('payment').step('charge', { action: 'spec.charge' });
    const saga = created()
      .saga('pay', { saga: child, context: ({ context }) => ({ amount: context.amount }) })
      .map('ship', { action: 'spec.charge', over: [{ orderId: 'o', amount: 1 }], limit: 2 })
      .parallel((p) =>
        p
          .saga('again', { saga: { name: 'plain', steps: [{ name: 'a', action: 'x' }] } })
          .map('each', { action: 'x', over: ({ outputs }) => outputs.ship }),
      );
    expect(saga.steps.slice(1)).toEqual([
      { name: 'pay', saga: child, context: { amount: contextRef('amount') } },
      { name: 'ship', map: { action: 'spec.charge', over: [{ orderId: 'o', amount: 1 }], limit: 2 } },
      [
        { name: 'again', saga: { name: 'plain', steps: [{ name: 'a', action: 'x' }] } },
        { name: 'each', map: { action: 'x', over: ref('ship') } },
      ],
    ]);
    // @ts-expect-error -- a context that the other saga does not take
    created().saga('pay', { saga: child, context: { amount: 'much' } });
    // @ts-expect-error -- an item that the handler does not take
    created().map('ship', { action: 'spec.charge', over: [{ orderId: 5 }] });
  });

  it('has pauses, signals, conditions and kinds as data has them', () => {
    const steps = created()
      .sleep('cool_off', { sleepMs: 60_000 })
      .signal('approval', { signal: 'approved', timeoutMs: 1_000, kind: 'optional', when: { path: 'context.amount', above: 10 } })
      .saga('pay', { saga: { name: 'plain', steps: [] }, kind: 'optional', when: 'mayPay' })
      .map('ship', { action: 'x', over: [1], limit: 2, kind: 'optional', when: 'mayShip' })
      .parallel((p) => p.sleep('rest', { sleepMs: 5, when: 'isTired' }).signal('word', { signal: 'spoken' }))
      .step('tell', { action: 'x', input: ({ outputs }) => [outputs.approval, outputs.word] }).steps;
    expect(steps.slice(1)).toEqual([
      { name: 'cool_off', sleepMs: 60_000 },
      { name: 'approval', signal: 'approved', timeoutMs: 1_000, kind: 'optional', when: { path: 'context.amount', above: 10 } },
      { name: 'pay', saga: { name: 'plain', steps: [] }, kind: 'optional', when: 'mayPay' },
      { name: 'ship', kind: 'optional', when: 'mayShip', map: { action: 'x', over: [1], limit: 2 } },
      [
        { name: 'rest', sleepMs: 5, when: 'isTired' },
        { name: 'word', signal: 'spoken' },
      ],
      { name: 'tell', action: 'x', input: [ref('approval'), ref('word')] },
    ]);
  });
});
