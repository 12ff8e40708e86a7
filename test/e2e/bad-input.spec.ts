import { type ArgumentMetadata, BadRequestException, Injectable, type PipeTransform, UsePipes } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Compensate,
  inMemoryStore,
  inProcessTransport,
  rabbitMqTransport,
  SagaConfigurationError,
  SagaDefinition,
  SagaInputError,
  sagaMigrations,
  SagaModule,
  SagaNotFoundError,
  SagaPlanError,
  SagaStep,
  typeOrmStore,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { type AppSetup, bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

@Injectable()
class Steps {
  @SagaStep('run') run() {
    return 1;
  }
}

const RUN = [{ name: 'run', action: 'run' }];
const memory = () => ({ store: inMemoryStore(), transport: inProcessTransport() });
const boot = (setup: AppSetup = {}) => bootSagaApp({ providers: [Steps], ...setup, options: { ...memory(), ...setup.options } });

async function problemsOf(setup: AppSetup): Promise<string> {
  const error: unknown = await boot(setup).then(
    () => new Error('it booted'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof SagaConfigurationError)) throw error;
  return error.problems.join('\n');
}

describe('Options of SagaService that nobody would read', () => {
  it.each<[string, unknown, string]>([
    ['a misspelt business key', { buisnessKey: 'k' }, '"/buisnessKey": there is no such field (did you mean "businessKey"?)'],
    ['a text', 'businessKey', 'must be an object'],
    ['null', null, 'must be an object'],
    ['a list', [], 'must be an object'],
    ['metadata that is a text', { metadata: 'x' }, '"/metadata": must be a plain object'],
    ['metadata that is a date', { metadata: new Date() }, '"/metadata": must be a plain object'],
    ['no manager where one was meant', { manager: null }, '"/manager": must be the EntityManager'],
    ['a deadline that is a text', { deadlineMs: '5' }, '"/deadlineMs"'],
  ])('are refused by start(): %s', async (_what, options, message) => {
    @SagaDefinition({ name: 'classy' })
    @Injectable()
    class Classy {
      @SagaStep('only') only() {
        return 1;
      }
    }
    const { sagas } = await boot({ providers: [Steps, Classy] });
    await expect(sagas.start('s', RUN, {}, options as never)).rejects.toThrow(message);
    await expect(sagas.start(Classy, {}, options as never)).rejects.toThrow(message);
    expect(await sagas.list()).toEqual([]);
  });

  it('are refused by list(), waitFor() and compensate()', async () => {
    const { sagas } = await boot();
    const { id } = await sagas.start('s', RUN);
    for (const options of [null, 5, { limits: 5 }, { state: 'complete' }, { state: [null] }, { attention: 'yes' }, { limit: '5' }]) {
      await expect(sagas.list(options as never)).rejects.toThrow(SagaInputError);
    }
    await expect(sagas.list({ state: 'complete' as never })).rejects.toThrow('(did you mean "completed"?)');
    await expect(sagas.listActive({ state: 'failed' } as never)).rejects.toThrow(SagaInputError);
    for (const options of [null, { timeout: 5 }, { timeoutMs: '5' }, { timeoutMs: Infinity }, { timeoutMs: -1 }, { timeoutMs: NaN }]) {
      await expect(sagas.waitFor(id, options as never)).rejects.toThrow(SagaInputError);
    }
    for (const options of [null, { raison: 'x' }, { reason: 5 }]) {
      await expect(sagas.compensate(id, options as never)).rejects.toThrow(SagaInputError);
    }
  });

  it('are not ids either', async () => {
    const { sagas, repository } = await boot();
    for (const id of [5, null, undefined, {}, Symbol('id')] as never[]) {
      for (const ask of [sagas.get(id), sagas.waitFor(id), sagas.compensate(id), sagas.delete(id), repository.deleteSaga(id)]) {
        await expect(ask).rejects.toThrow(SagaNotFoundError);
      }
      expect(await sagas.find(id)).toBeNull();
    }
  });

  it('and a context that is no object', async () => {
    const { sagas, repository } = await boot();
    await expect(sagas.start('s', RUN, 'context' as never)).rejects.toThrow(/^context: must be an object/);
    await expect(repository.saveSaga('s', RUN, 5)).rejects.toThrow(SagaInputError);
  });
});

describe('Steps with holes', () => {
  it.each<[string, unknown]>([
    ['nothing but holes', new Array(3)],
    ['a group of holes', [new Array(1)]],
    ['a hole among steps', [RUN[0], , RUN[0]]],
    ['far too many holes', new Array(4_000_000_000)],
  ])('start no saga: %s', async (_what, steps) => {
    const { sagas } = await boot();
    await expect(sagas.start('s', steps as never)).rejects.toThrow(SagaPlanError);
    expect(await sagas.list()).toEqual([]);
  });

  it('and a saga that has lost its rows hides no other from a list', async () => {
    const schema = freshName();
    const { sagas, context } = await bootSagaApp({ providers: [Steps], namespace: schema });
    const [broken, whole] = [await sagas.start('s', RUN), await sagas.start('s', RUN)];
    await Promise.all([sagas.waitFor(broken.id), sagas.waitFor(whole.id)]);
    await context.get(DataSource).query(`DELETE FROM "${schema}".inputs WHERE saga_id = $1`, [broken.id]);
    expect((await sagas.list()).map((saga) => saga.id)).toEqual([whole.id, broken.id]);
  });
});

describe('Decorators and module options', () => {
  it('name misspelt fields, missing keys and instances that nobody has', async () => {
    @Injectable()
    class Wrong {
      @SagaStep('a', { timeoutMS: 5 } as never) a() {
        return 1;
      }
      @Compensate('b', { retries: 5 } as never) b() {
        return 1;
      }
      @SagaStep(undefined as never) c() {
        return 1;
      }
      @SagaStep('d', { instance: 'defaut' }) d() {
        return 1;
      }
    }
    @SagaDefinition({ name: 'x', deadline: 5, instance: 'elsewhere' } as never)
    class Elsewhere {}
    @SagaDefinition(undefined as never)
    class Nameless {
      @SagaStep('one') one() {
        return 1;
      }
    }
    const text = await problemsOf({ providers: [Wrong, Elsewhere, Nameless] });
    for (const part of [
      '@SagaStep on Wrong.a: there is no option "timeoutMS" (did you mean "timeoutMs"?)',
      '@Compensate on Wrong.b: there is no option "retries"',
      '@SagaStep on Wrong.c: the key is missing',
      '@SagaStep on Wrong.d: no SagaModule is called "defaut" (did you mean "default"?)',
      '@SagaDefinition Elsewhere: no SagaModule is called "elsewhere"',
      '@SagaDefinition Nameless: the name is missing',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('refuse two modules of one name in one application', async () => {
    const twin = SagaModule.forRoot({ ...memory(), drainMs: 1 });
    expect(await problemsOf({ imports: [twin] })).toContain('two SagaModules are called "default"; give one a name');
  });

  it.each<[string, object, string]>([
    ['workers: 5', { workers: 5 }, 'option "workers" must be an object'],
    ['workers: null', { workers: null }, 'option "workers" must be an object'],
    ['defaults: null', { defaults: null }, 'option "defaults" must be an object'],
    ['too many workers', { workers: { steps: 10_001 } }, 'option "workers.steps" must be a number, 0 or more and at most 10000'],
    ['half a worker', { workers: { steps: 0.5 } }, 'option "workers.steps" must be a whole number'],
    ['autoStart: "no"', { autoStart: 'no' }, 'option "autoStart" must be true or false'],
    ['an observer for observers', { observers: [{}] }, 'option "observers" must be an array of objects with a method notify(signal)'],
    ['a store that is none', { store: {} }, 'option "store" must be what typeOrmStore({ … }) returns'],
    ['a transport that is none', { transport: null }, 'option "transport" must be what rabbitMqTransport({ … }) returns'],
    ['typeOrmStore(null)', { store: typeOrmStore(null as never) }, 'typeOrmStore() takes an object'],
    ['typeOrmStore({ dataSource: 5 })', { store: typeOrmStore({ dataSource: 5 as never }) }, 'dataSource must be a TypeORM DataSource'],
    ['a misspelt schema', { store: typeOrmStore({ shema: 'x' } as never) }, 'there is no option "shema" (did you mean "schema"?)'],
    ['rabbitMqTransport(null)', { transport: rabbitMqTransport(null as never) }, 'rabbitMqTransport: it takes an object'],
    ['a uri that is a number', { transport: rabbitMqTransport({ uri: 5 as never }) }, '"uri" is not an address'],
    ['a uri that is null', { transport: rabbitMqTransport({ uri: null as never }) }, '"uri" is not an address'],
    [
      'a connection that is null',
      { transport: rabbitMqTransport({ connection: null as never }) },
      '"connection" must be an AmqpConnection',
    ],
    ['a time that no timer can wait', { sweepMs: 3e9 }, 'option "sweepMs" must be a number, 10 or more and at most 2147483647'],
  ])('are refused, not tripped over: %s', async (_what, options, problem) => {
    expect(await problemsOf({ options })).toContain(problem);
  });

  it('let things be kept for longer than a timer can wait', async () => {
    const { sagas } = await boot({ options: { retention: { finishedMs: 90 * 86_400_000, quarantinedMs: null } } });
    expect(await sagas.list()).toEqual([]);
  });

  it('are refused by sagaMigrations() too', () => {
    expect(() => sagaMigrations(null as never)).toThrow(SagaConfigurationError);
    expect(() => sagaMigrations({ shema: 'x' } as never)).toThrow('(did you mean "schema"?)');
  });
});

describe('A pipe that validates', () => {
  it('sees the input as a body of its class and the context as something of ours, and its complaints are kept', async () => {
    class Amount {
      readonly amount!: number;
    }
    const seen: unknown[] = [];
    @Injectable()
    class Validate implements PipeTransform {
      transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
        seen.push([type, metatype?.name]);
        if (type === 'body') throw new BadRequestException(['amount must be positive', 'amount must be whole']);
        return value;
      }
    }
    @Injectable()
    class Pay {
      @UsePipes(Validate)
      @SagaStep('pay')
      pay(input: Amount, _context: object) {
        return input;
      }
    }
    const { sagas } = await boot({ providers: [Pay] });
    const { id } = await sagas.start('s', [{ name: 'pay', action: 'pay', input: { amount: -1 } }]);
    const { error } = (await sagas.waitFor(id)).steps[0]!;
    expect(seen).toEqual(
      expect.arrayContaining([
        ['body', 'Amount'],
        ['custom', 'Object'],
      ]),
    );
    expect(error?.message).toBe('Bad Request Exception: amount must be positive; amount must be whole');
  });
});

describe('What the boot log warns about', () => {
  const logged = async (setup: AppSetup) => {
    const [log, warn] = [jest.fn(), jest.fn()];
    await boot({ ...setup, logger: { log, warn, error: jest.fn(), debug: jest.fn() } });
    return [log, warn].map((to) => to.mock.calls.map(([line]) => String(line)).join('\n')) as [log: string, warn: string];
  };

  it('workers without a handler, and a compensation for an action that nobody here has', async () => {
    const [, nothing] = await logged({ providers: [] });
    expect(nothing).toContain('no @SagaStep or @Compensate method was found');
    const [client, quiet] = await logged({ providers: [], options: { workers: { steps: 0, compensations: 0 } } });
    expect(client).toContain('this process only starts sagas');
    expect(quiet).toBe('');
    @Injectable()
    class Refunds {
      @Compensate('undo', { for: 'rum', retry: { attempts: 4, backoff: 'fixed', baseMs: 70 } }) undo() {
        return 1;
      }
    }
    const [lines, warnings] = await logged({ providers: [Steps, Refunds], options: { group: 'payments' } });
    expect(warnings).toContain(
      `@Compensate('undo') on Refunds.undo is for 'rum', which is no action of this process (did you mean "run"?)`,
    );
    expect(lines).toContain('4 attempts, fixed 70 ms');
    expect(lines).toContain('saga engine (group "payments") on ');
  });
});
