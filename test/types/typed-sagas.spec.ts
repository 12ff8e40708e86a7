import { describe, it } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import {
  type CompensationContext,
  Compensate,
  contextRef,
  type DefinedSaga,
  defineSaga,
  type InputOf,
  ref,
  SagaDefinition,
  type SagaService,
  type StepList,
  SagaStep,
  type StepContext,
  type StepWord,
} from 'nest-saga';

interface Order {
  readonly productId: string;
  readonly amount: number;
}

declare module 'nest-saga' {
  interface SagaActions {
    'types.create': { input: { productId: string }; output: { orderId: string; lines: readonly { sku: string }[] } };
    'types.charge': { input: { orderId: string; amount: number }; output: { transaction: string } };
    'types.ping': { output: 'pong' };
  }
}

@SagaDefinition({ name: 'types_order' })
class OrderSaga {
  declare readonly $input: Order;
  @SagaStep('create') create(input: Order): string {
    return input.productId;
  }
}

declare const sagas: SagaService;

// What is here is checked by the compiler; nothing of it runs.
const never = (_check: () => unknown): void => undefined;

describe('a saga that is built step by step', () => {
  const order = defineSaga<Order>('types_order')
    .step('create', { action: 'types.create', input: ({ context }) => ({ productId: context.productId }) })
    .parallel((p) => p.step('ping', { action: 'types.ping' }).step('other', { action: 'types.unlisted' }));

  it('knows the outputs of earlier steps, whole and in part', () => {
    order.step('charge', {
      action: 'types.charge',
      input: ({ outputs, context }) => {
        expectTypeOf(outputs.create).toEqualTypeOf<{ orderId: string; lines: readonly { sku: string }[] }>();
        expectTypeOf(outputs.ping).toEqualTypeOf<'pong'>();
        expectTypeOf(outputs.other).toEqualTypeOf<unknown>();
        expectTypeOf(context).toEqualTypeOf<Order>();
        return { orderId: outputs.create.orderId, amount: context.amount };
      },
    });
  });

  it('knows what it is started with', () => {
    expectTypeOf(order).toExtend<DefinedSaga<Order>>();
    never(() => sagas.start(order, { productId: 'p', amount: 1 }));
    // @ts-expect-error -- an amount is a number
    never(() => sagas.start(order, { productId: 'p', amount: '1' }));
  });
});

describe('a saga that is a class', () => {
  it('is started with what it declares as its input', () => {
    expectTypeOf<InputOf<OrderSaga>>().toEqualTypeOf<Order>();
    never(() => sagas.start(OrderSaga, { productId: 'p', amount: 1 }));
    never(() => sagas.execute(OrderSaga, { productId: 'p', amount: 1 }, { timeoutMs: 5 }));
    // @ts-expect-error -- the amount is missing
    never(() => sagas.start(OrderSaga, { productId: 'p' }));
    // @ts-expect-error -- the amount is missing
    never(() => sagas.execute(OrderSaga, { productId: 'p' }));
  });
});

describe('a saga that is a list of steps', () => {
  it('gives the actions that an application lists the inputs that they take', () => {
    never(() =>
      sagas.start('types_order', [
        { name: 'create', action: 'types.create', input: { productId: 'p' } },
        [
          { name: 'ping', action: 'types.ping' },
          { name: 'other', action: 'types.unlisted', input: 5 },
        ],
        { name: 'charge', action: 'types.charge', input: { orderId: ref('create', 'orderId'), amount: contextRef('amount') } },
        { name: 'again', action: 'types.charge', input: ref('create') },
      ]),
    );
    const more = [{ name: 'x', action: 'types.unlisted' }];
    never(() => sagas.start('types_order', [...more, { name: 'ping', action: 'types.ping' }, { name: 'pause', sleepMs: 5 }]));
    const list: StepList = more;
    never(() => sagas.start('types_order', list));
    // @ts-expect-error -- an amount is a number
    never(() => sagas.start('types_order', [{ name: 'charge', action: 'types.charge', input: { orderId: 'o', amount: '1' } }]));
    // @ts-expect-error -- the input is missing
    never(() => sagas.start('types_order', [{ name: 'charge', action: 'types.charge' }]));
    // @ts-expect-error -- a field that is misspelt
    never(() => sagas.start('types_order', [{ name: 'a', action: 'types.unlisted', compensaton: 'types.undo' }]));
    // @ts-expect-error -- the same inside a group
    never(() => sagas.start('types_order', [[{ name: 'charge', action: 'types.charge', input: { orderId: 7, amount: 1 } }]]));
  });
});

describe('a handler', () => {
  it('of an action that is listed takes its input and returns its output, or a word of its context', () => {
    class Handlers {
      @SagaStep('types.create') create(input: { productId: string }, ctx: StepContext) {
        return input.productId === '' ? ctx.skip('nothing to create') : { orderId: 'o', lines: [] };
      }
      @SagaStep('types.charge') async charge(_input: { orderId: string; amount: number }) {
        return Promise.resolve({ transaction: 't' });
      }
      @Compensate('types.refund', { for: 'types.charge' }) refund(
        _charged: { transaction: string } | undefined,
        _ctx: CompensationContext,
      ) {}
      @SagaStep('types.unlisted') unlisted(_anything: Date) {
        return Symbol.iterator;
      }
      // @ts-expect-error -- it returns something else
      @SagaStep('types.ping') ping() {
        return 'pang';
      }
      // @ts-expect-error -- it takes something else
      @SagaStep('types.create') wrong(_input: number) {
        return { orderId: 'o', lines: [] };
      }
      // @ts-expect-error -- the action returns something else
      @Compensate('types.undo', { for: 'types.create' }) undo(_created: number) {}
    }
    expectTypeOf<Handlers>().toHaveProperty('create');
    expectTypeOf<StepContext['skip']>().returns.toEqualTypeOf<StepWord>();
  });
});
