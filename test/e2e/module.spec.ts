import {
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, ExternalContextCreator, NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Compensate,
  type CompensationContext,
  getSagaServiceToken,
  inMemoryStore,
  inProcessTransport,
  InjectSagaService,
  ref,
  SAGA_CONTEXT_TYPE,
  SagaConfigurationError,
  SagaDefinition,
  SagaModule,
  sagaMigrations,
  SagaNotFoundError,
  type SagaService,
  SagaStep,
  SagaWaitInHandlerError,
  type StepContext,
  StepError,
} from 'nest-saga';
import { from, map, type Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import { bootSagaApp, closeApps, databaseModule, freshName } from './saga-app';

afterEach(closeApps);

const memory = () => ({ store: inMemoryStore(), transport: inProcessTransport() });

async function bootProblems(boot: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await boot.then(
    () => new Error('it booted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof SagaConfigurationError)) throw error;
  return error.problems;
}

describe('SagaModule.forRoot()', () => {
  it('says in one error what to add when there is neither a DataSource nor an AMQP_URL', async () => {
    const { AMQP_URL } = process.env;
    delete process.env.AMQP_URL;
    try {
      @Module({ imports: [SagaModule.forRoot()] })
      class AppModule {}
      const problems = await bootProblems(NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false }));
      expect(problems).toHaveLength(2);
      expect(problems[0]).toMatch(/DataSource.*TypeOrmModule\.forRoot/);
      expect(problems[1]).toMatch(/AMQP_URL/);
    } finally {
      process.env.AMQP_URL = AMQP_URL;
    }
  });

  it('uses the DataSource of the application and AMQP_URL when it is given nothing', async () => {
    const database = new DataSource({
      type: 'postgres',
      url: process.env.DATABASE_URL ?? '',
      migrations: sagaMigrations(),
      migrationsTableName: 'nest_saga_test_migrations',
    });
    await database.initialize();
    await database.runMigrations();
    await database.destroy();

    @Injectable()
    class Greeter {
      @SagaStep('greet.world') greet() {
        return 'hello';
      }
    }
    @Module({ imports: [databaseModule(), SagaModule.forRoot()], providers: [Greeter] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
    const sagas = app.get<SagaService>(getSagaServiceToken());
    const { id } = await sagas.start('greeting', [{ name: 'greet', action: 'greet.world' }]);
    expect((await sagas.waitFor(id)).steps[0]?.output).toBe('hello');
    await app.close();
  });

  it('takes its options from a factory', async () => {
    @Module({ imports: [SagaModule.forRootAsync({ useFactory: () => memory() })] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    expect(await app.get<SagaService>(getSagaServiceToken()).list()).toEqual([]);
    await app.close();
  });

  it('names every problem of options and handlers in one error', async () => {
    @Injectable()
    class Wrong {
      @SagaStep('not a key') one() {
        return 1;
      }
      @SagaStep('twice') two() {
        return 2;
      }
      @SagaStep('twice', { retry: { attempts: 0 } }) three() {
        return 3;
      }
      @SagaStep('twice') four() {
        return 4;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @SagaStep('per.request') run() {
        return 1;
      }
    }
    @SagaDefinition({ name: 'lonely' })
    @Injectable()
    class Lonely {
      @SagaStep('only', { after: 'nothing' }) only() {
        return 1;
      }
      @Compensate('onlyy') undo() {
        return 1;
      }
    }
    const options = { ...memory(), workerz: { steps: 1 }, leaseMs: -1, workers: { step: 1 } } as never;
    const problems = await bootProblems(bootSagaApp({ providers: [Wrong, PerRequest, Lonely], options }));
    const text = problems.join('\n');
    for (const part of [
      'unknown option "workerz" (did you mean "workers"?)',
      'unknown option "workers.step" (did you mean "steps"?)',
      '"leaseMs" must be a number',
      '@SagaStep on Wrong.one: the key "not a key"',
      '@SagaStep on Wrong.three: retry.attempts must be',
      "@SagaStep('twice') is on Wrong.two and on Wrong.four",
      'PerRequest is request-scoped',
      'step "only" is to run after "nothing"',
      '@Compensate("onlyy") undoes no step of it (did you mean "only"?)',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('finds handlers on providers and on controllers, inherited ones too', async () => {
    abstract class Base {
      @SagaStep('base.run') run() {
        return 'inherited';
      }
    }
    @Injectable()
    class Provider extends Base {}
    @Controller()
    class Web {
      @SagaStep('web.run') run() {
        return 'controller';
      }
    }
    const { sagas } = await bootSagaApp({ providers: [Provider], controllers: [Web], options: memory() });
    const { id } = await sagas.start('s', [
      { name: 'a', action: 'base.run' },
      { name: 'b', action: 'web.run' },
    ]);
    expect((await sagas.waitFor(id)).steps.map((step) => step.output)).toEqual(['inherited', 'controller']);
  });

  it('prints what it discovered', async () => {
    @Injectable()
    class Pay {
      @SagaStep('payment.charge', { timeoutMs: 500, retry: { attempts: 2 } }) charge() {
        return 1;
      }
      @Compensate('payment.refund', { for: 'payment.charge' }) refund() {
        return 1;
      }
    }
    const log = jest.fn();
    await bootSagaApp({ providers: [Pay], options: memory(), logger: { log, warn: jest.fn(), error: jest.fn(), debug: jest.fn() } });
    const lines = log.mock.calls.map(([line]) => String(line));
    expect(lines).toContainEqual(
      expect.stringContaining('payment.charge -> Pay.charge (2 attempts, exponential 1000-60000 ms, timeout 500 ms)'),
    );
    expect(lines).toContainEqual(
      expect.stringContaining(
        'payment.refund -> Pay.refund (20 attempts, exponential 1000-300000 ms, timeout 60000 ms, undoes payment.charge)',
      ),
    );
  });
});

describe('Several engines', () => {
  it('keeps named instances apart, each with its own handlers', async () => {
    @Injectable()
    class Steps {
      @SagaStep('run') run() {
        return 'default';
      }
      @SagaStep('run', { instance: 'billing' }) bill() {
        return 'billing';
      }
    }
    @Injectable()
    class User {
      constructor(@InjectSagaService('billing') readonly billing: SagaService) {}
    }
    const schema = freshName();
    const app = await bootSagaApp({
      providers: [Steps, User],
      imports: [SagaModule.forRoot({ name: 'billing', ...memory() })],
      namespace: schema,
    });
    const { billing } = app.context.get(User);
    const steps = [{ name: 'run', action: 'run' }];
    const [one, other] = [await app.sagas.start('s', steps), await billing.start('s', steps)];
    expect((await app.sagas.waitFor(one.id)).steps[0]?.output).toBe('default');
    expect((await billing.waitFor(other.id)).steps[0]?.output).toBe('billing');
    await expect(billing.get(one.id)).rejects.toThrow(SagaNotFoundError);
  });

  it('lets two applications in one process work for each other, and closing one leaves the other alone', async () => {
    @Injectable()
    class Orders {
      @SagaStep('orders.create') create() {
        return 'orders';
      }
    }
    @Injectable()
    class Payments {
      @SagaStep('payment.charge') charge() {
        return 'payments';
      }
    }
    const namespace = freshName();
    const orders = await bootSagaApp({ namespace, providers: [Orders], options: { group: 'orders' } });
    const payments = await bootSagaApp({ namespace, providers: [Payments], options: { group: 'payments' } });
    const steps = [
      { name: 'create', action: 'orders.create' },
      { name: 'charge', action: 'payment.charge' },
    ];
    const { id } = await orders.sagas.start('s', steps);
    expect((await payments.sagas.waitFor(id)).steps.map((step) => step.output)).toEqual(['orders', 'payments']);
    expect(orders.signals.filter((signal) => signal.type === 'operation.claimed')).toHaveLength(1);
    await orders.close();
    const later = await payments.sagas.start('s', steps.slice(1));
    expect((await payments.sagas.waitFor(later.id)).state).toBe('completed');
  });

  it('refuses two services with different handlers in one group, and names both', async () => {
    @Injectable()
    class Orders {
      @SagaStep('orders.create') create() {
        return 1;
      }
    }
    @Injectable()
    class Payments {
      @SagaStep('payment.charge') charge() {
        return 1;
      }
    }
    const namespace = freshName();
    await bootSagaApp({ namespace, providers: [Orders] });
    const boot = bootSagaApp({ namespace, providers: [Payments] });
    await expect(boot).rejects.toThrow(/@SagaStep\('orders.create'\).*@SagaStep\('payment.charge'\).*group: 'payments'/);
  });

  it('starts sagas from a process that has no workers', async () => {
    @Injectable()
    class Steps {
      @SagaStep('run') run() {
        return 'worker';
      }
    }
    const namespace = freshName();
    const worker = await bootSagaApp({ namespace, providers: [Steps] });
    const client = await bootSagaApp({ namespace, options: { workers: { steps: 0, compensations: 0 } } });
    const { id } = await client.sagas.start('s', [{ name: 'run', action: 'run' }]);
    expect((await client.sagas.waitFor(id)).steps[0]?.output).toBe('worker');
    expect(worker.signals.some((signal) => signal.type === 'operation.completed')).toBe(true);
    expect(client.signals.some((signal) => signal.type === 'operation.claimed')).toBe(false);
  });

  it('consumes nothing until run() with autoStart: false', async () => {
    @Injectable()
    class Steps {
      @SagaStep('run') run() {
        return 1;
      }
    }
    const app = await bootSagaApp({ providers: [Steps], options: { autoStart: false } });
    const { id } = await app.sagas.start('s', [{ name: 'run', action: 'run' }]);
    await app.signal('wake-up.sent');
    expect((await app.sagas.get(id)).steps[0]?.status).toBe('started');
    await app.sagas.run();
    expect((await app.sagas.waitFor(id)).state).toBe('completed');
  });

  it('refuses an action that no process has, and with unknownActions: warn waits for a worker that has it', async () => {
    const namespace = freshName();
    const strict = await bootSagaApp({ namespace });
    await expect(strict.sagas.start('s', [{ name: 'run', action: 'later.run' }])).rejects.toThrow("add @SagaStep('later.run')");
    const patient = await bootSagaApp({ namespace, options: { unknownActions: 'warn' } });
    const { id } = await patient.sagas.start('s', [{ name: 'run', action: 'later.run' }]);

    @Injectable()
    class Later {
      @SagaStep('later.run') run() {
        return 'at last';
      }
    }
    await bootSagaApp({ namespace, providers: [Later], options: { group: 'later' } });
    expect((await patient.sagas.waitFor(id)).steps[0]?.output).toBe('at last');
  });
});

describe('Handlers as Nest methods', () => {
  it('runs pipes, interceptors and guards on a handler, in an execution context of type saga', async () => {
    const types: string[] = [];
    @Injectable()
    class Double implements PipeTransform {
      transform(value: unknown): unknown {
        return typeof value === 'number' ? value * 2 : value;
      }
    }
    @Injectable()
    class Wrap implements NestInterceptor {
      intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
        types.push(context.getType());
        return next.handle().pipe(map((output: unknown) => ({ wrapped: output })));
      }
    }
    @Injectable()
    class OnlySmall implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.getArgByIndex<number>(0) < 10;
      }
    }
    let ran = 0;
    @Injectable()
    class Steps {
      @UseGuards(OnlySmall)
      @UseInterceptors(Wrap)
      @UsePipes(Double)
      @SagaStep('double')
      double(value: number, ctx: StepContext) {
        ran++;
        return [value, ctx.step.name];
      }
    }
    const { sagas } = await bootSagaApp({ providers: [Steps], options: memory() });
    const good = await sagas.start('s', [{ name: 'one', action: 'double', input: 4 }]);
    expect((await sagas.waitFor(good.id)).steps[0]?.output).toEqual({ wrapped: [8, 'one'] });
    expect(types).toEqual([SAGA_CONTEXT_TYPE]);

    const refused = await sagas.start('s', [{ name: 'one', action: 'double', input: 40 }]);
    const saga = await sagas.waitFor(refused.id);
    expect(saga.state).toBe('failed');
    expect(saga.steps[0]?.error?.message).toMatch(/Forbidden/);
    expect(ran).toBe(1);
  });

  describe('meet an enhancer wherever it is', () => {
    class Double implements PipeTransform {
      transform(value: unknown): unknown {
        return typeof value === 'number' ? value * 2 : value;
      }
    }
    class Wrap implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(map((output: unknown) => ({ wrapped: output })));
      }
    }
    class Refuse implements CanActivate {
      canActivate(): boolean {
        return false;
      }
    }
    class Bare {
      @SagaStep('four')
      four(value: number) {
        return value;
      }
    }
    /** Leaves `constructor` as it was: what is laid upon the outer class is not found on the instance. */
    const inProxy: ClassDecorator = (target) => new Proxy(target, {});
    @UsePipes(Double)
    @inProxy
    class Outer extends Bare {}
    @UsePipes(Double)
    class Piped extends Bare {}
    class Inherits extends Piped {}
    @UsePipes(new Double())
    class OfFactory extends Bare {}
    @UseInterceptors(Wrap)
    class Intercepted extends Bare {}
    @UseGuards(Refuse)
    class Guarded extends Bare {}
    class OfMethods {
      @UsePipes(Double)
      @SagaStep('four')
      four(value: number) {
        return value;
      }
    }

    it.each<[string, readonly Provider[], unknown]>([
      ['a pipe on the class', [Piped], 8],
      ['a pipe on the method', [OfMethods], 8],
      ['a pipe on the class that it extends', [Inherits], 8],
      ['a pipe on a class in a proxy', [Outer], 8],
      ['a pipe on what a factory made', [{ provide: 'piped', useFactory: () => new OfFactory() }], 8],
      ['a global pipe', [Bare, { provide: APP_PIPE, useClass: Double }], 8],
      ['an interceptor on the class', [Intercepted], { wrapped: 4 }],
      ['a global interceptor', [Bare, { provide: APP_INTERCEPTOR, useClass: Wrap }], { wrapped: 4 }],
      ['a guard on the class', [Guarded], undefined],
      ['a global guard', [Bare, { provide: APP_GUARD, useClass: Refuse }], undefined],
    ])('%s', async (_where, providers, expected) => {
      const { sagas } = await bootSagaApp({ providers: [...providers], options: memory() });
      const { id } = await sagas.start('s', [{ name: 'one', action: 'four', input: 4 }]);
      const saga = await sagas.waitFor(id);
      expect(saga.state).toBe(expected === undefined ? 'failed' : 'completed');
      expect(saga.steps[0]?.output ?? undefined).toEqual(expected);
    });
  });

  it('are called at once where there is no enhancer, and may return an Observable all the same', async () => {
    const create = jest.spyOn(ExternalContextCreator.prototype, 'create');
    class Steps {
      @SagaStep('last')
      last(values: readonly number[], ctx: StepContext): Observable<unknown> {
        return from(values).pipe(map((value) => [value, ctx.step.name]));
      }
    }
    const { sagas } = await bootSagaApp({ providers: [Steps], options: memory() });
    const { id } = await sagas.start('s', [{ name: 'one', action: 'last', input: [1, 2, 3] }]);
    expect((await sagas.waitFor(id)).steps[0]?.output).toEqual([3, 'one']);
    expect(create).not.toHaveBeenCalled();
    create.mockRestore();
  });

  it('warns at boot about global guards that will run, and about global filters that will not', async () => {
    @Injectable()
    class NeedsRequest implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.getType<string>() === SAGA_CONTEXT_TYPE;
      }
    }
    @Catch()
    class AnswersInstead implements ExceptionFilter {
      catch(): string {
        return 'all is well';
      }
    }
    @Injectable()
    class Steps {
      @SagaStep('fail') fail() {
        throw new StepError({ message: 'no' });
      }
    }
    const warn = jest.fn();
    const { sagas } = await bootSagaApp({
      providers: [Steps, { provide: APP_GUARD, useClass: NeedsRequest }, { provide: APP_FILTER, useClass: AnswersInstead }],
      options: memory(),
      logger: { log: jest.fn(), warn, error: jest.fn(), debug: jest.fn() },
    });
    const lines = warn.mock.calls.map(([line]) => String(line));
    expect(lines).toContainEqual(expect.stringMatching(/global guards run before every saga step.*NeedsRequest/));
    expect(lines).toContainEqual(expect.stringMatching(/global exception filters do not run.*AnswersInstead/));
    const { id } = await sagas.start('s', [{ name: 'fail', action: 'fail' }]);
    expect((await sagas.waitFor(id)).state).toBe('failed');
  });

  it('refuses to wait for a saga inside a handler', async () => {
    @Injectable()
    class Steps {
      constructor(@Inject(getSagaServiceToken()) private readonly sagas: SagaService) {}
      @SagaStep('wait') async wait(_input: unknown, ctx: StepContext) {
        await this.sagas.waitFor(ctx.saga.id);
      }
    }
    const { sagas } = await bootSagaApp({ providers: [Steps], options: memory() });
    const { id } = await sagas.start('s', [{ name: 'wait', action: 'wait' }]);
    expect((await sagas.waitFor(id)).steps[0]?.error?.code).toBe(new SagaWaitInHandlerError('x').code);
  });
});

describe('@SagaDefinition', () => {
  interface OrderInput {
    readonly amount: number;
  }

  @Injectable()
  class Mail {
    @SagaStep('mail.send') send(input: { readonly to: string }) {
      return `mail for ${input.to}`;
    }
  }

  @SagaDefinition({ name: 'order_processing', deadlineMs: 60_000 })
  @Injectable()
  class OrderSaga {
    declare readonly $input: OrderInput;
    readonly undone: unknown[] = [];

    @SagaStep('create_order') create(input: OrderInput) {
      return { orderId: `o-${input.amount}` };
    }
    @Compensate('create_order') undoCreate(output: { orderId: string } | undefined, ctx: CompensationContext<OrderInput>) {
      this.undone.push([output, ctx.input, ctx.actionIdempotencyKey.endsWith(':create_order:action')]);
    }
    @SagaStep('charge') charge(input: OrderInput) {
      if (input.amount > 100) throw new StepError({ code: 'TOO_MUCH', message: 'too much' });
      return 'charged';
    }
    @SagaStep('confirm', { use: 'mail.send', after: ['create_order', 'charge'], input: { to: ref('create_order', 'orderId') } })
    confirm(): void {
      // borrowed from Mail
    }
  }

  it('runs the methods in the order in which they are written, and borrows handlers', async () => {
    const { sagas } = await bootSagaApp({ providers: [OrderSaga, Mail] });
    const { id } = await sagas.start(OrderSaga, { amount: 7 });
    const saga = await sagas.waitFor(id);
    expect(saga.name).toBe('order_processing');
    expect(saga.steps.map((step) => [step.name, step.action, step.output])).toEqual([
      ['create_order', 'order_processing.create_order', { orderId: 'o-7' }],
      ['charge', 'order_processing.charge', 'charged'],
      ['confirm', 'mail.send', 'mail for o-7'],
    ]);
  });

  it('undoes a step with the method that names it', async () => {
    const { sagas, context } = await bootSagaApp({ providers: [OrderSaga, Mail] });
    const { id } = await sagas.start(OrderSaga, { amount: 700 });
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(context.get(OrderSaga).undone).toEqual([[{ orderId: 'o-700' }, { amount: 700 }, true]]);
  });

  it('says what to do when the class is not known', async () => {
    const { sagas } = await bootSagaApp({ options: memory() });
    await expect(sagas.start(OrderSaga, { amount: 1 })).rejects.toThrow(/add it to the providers of a module/);
  });
});
