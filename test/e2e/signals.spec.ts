// Steps that wait for a signal: early, late, twice, by two, in a transaction, and for three days.
import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  inMemoryStore,
  inProcessTransport,
  SagaInputError,
  SagaManagerError,
  SagaNotFoundError,
  SagaPlanError,
  SagaStep,
  SagaTerminalError,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { until } from './order-sample/until';
import { bootSagaApp, closeApps, freshName, type AppSetup, type SagaApp } from './saga-app';

afterEach(closeApps);

@Injectable()
class Doors {
  private open: (() => void) | undefined;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));
  @SagaStep('door') async door() {
    await this.opened;
  }
  unlock() {
    this.open?.();
  }
}

const DAY_MS = 86_400_000;

async function waiting(app: SagaApp, steps = [{ name: 'approve', signal: 'approved' }]): Promise<string> {
  const { id } = await app.sagas.start('order', [steps]);
  for (const step of steps.keys())
    await app.signal('operation.waiting', ({ sagaId, operation }) => sagaId === id && operation.step === step);
  return id;
}

async function outputs(app: SagaApp, id: string): Promise<readonly unknown[]> {
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('completed');
  return saga.steps.map(({ output }) => output);
}

it.each<[string, () => Partial<AppSetup>]>([
  ['PostgreSQL and RabbitMQ', () => ({})],
  ['memory', () => ({ options: { store: inMemoryStore(), transport: inProcessTransport() } })],
])('a signal ends the step that waits for it, and is its output, on %s', async (_on, setup) => {
  const app = await bootSagaApp({ providers: [Doors], ...setup() });
  const id = await waiting(app);
  const sent = await app.sagas.signal(id, 'approved', { by: 'ann' });
  expect(sent).toEqual({ sagaId: id, signalId: expect.stringMatching(/^\w{26}$/), accepted: true });
  expect(await outputs(app, id)).toEqual([{ by: 'ann' }]);
});

it('a signal that comes before its saga is there waits for it', async () => {
  const app = await bootSagaApp({ providers: [Doors] });
  const { id } = await app.sagas.start('order', [
    { name: 'door', action: 'door' },
    { name: 'approve', signal: 'approved', timeoutMs: 60_000 },
  ]);
  await app.sagas.signal(id, 'approved', 'early');
  app.context.get(Doors).unlock();
  expect(await outputs(app, id)).toEqual([null, 'early']);
});

it('the same signal twice is one, and two steps that wait for one name need two', async () => {
  const app = await bootSagaApp({ providers: [Doors] });
  const id = await waiting(app, [
    { name: 'first', signal: 'approved' },
    { name: 'second', signal: 'approved' },
  ]);
  expect(await app.sagas.signal(id, 'approved', 1, { signalId: 's-1' })).toMatchObject({ accepted: true, signalId: 's-1' });
  expect(await app.sagas.signal(id, 'approved', 2, { signalId: 's-1' })).toMatchObject({ accepted: false, signalId: 's-1' });
  expect((await app.sagas.get(id)).steps.filter(({ status }) => status === 'completed')).toHaveLength(1);
  await app.sagas.signal(id, 'approved', 3, { signalId: 's-2' });
  expect([...(await outputs(app, id))].sort()).toEqual([1, 3]);
  expect(await app.sagas.signal(id, 'approved', 3, { signalId: 's-2' })).toMatchObject({ accepted: false });
  await expect(app.sagas.signal(id, 'approved', 4)).rejects.toThrow(SagaTerminalError);
});

it('many signals at once, from two processes, each end one step', async () => {
  const namespace = freshName();
  const [one, other] = [await bootSagaApp({ namespace, providers: [Doors] }), await bootSagaApp({ namespace, providers: [Doors] })];
  const places = [0, 1, 2, 3, 4, 5];
  const { id } = await one.sagas.start('order', [places.map((place) => ({ name: `s${place}`, signal: 'approved' }))]);
  await Promise.all(places.map(async (place) => (place % 2 === 0 ? one : other).sagas.signal(id, 'approved', place)));
  expect([...(await outputs(one, id))].sort()).toEqual(places);
});

it('a signal that comes at the very moment at which the wait begins is not left to a sweep', async () => {
  // No sweep comes in the time of this test.
  const app = await bootSagaApp({
    providers: [Doors],
    options: { sweepMs: 300_000, resendMs: 300_000, leaseMs: 60_000, heartbeatMs: 10_000 },
  });
  const ids = await Promise.all(
    Array.from({ length: 30 }, async (_, number) => {
      const { id } = await app.sagas.start('order', [{ name: 'approve', signal: 'approved' }]);
      await app.sagas.signal(id, 'approved', number);
      return id;
    }),
  );
  const ended = await Promise.all(ids.map(async (id) => outputs(app, id)));
  expect(ended).toEqual(ids.map((_, number) => [number]));
});

it('a signal in a transaction comes if and only if that commits', async () => {
  const app = await bootSagaApp({ providers: [Doors] });
  const id = await waiting(app);
  const database = app.context.get(DataSource);
  const options = { signalId: 's-1' };
  await expect(
    database.transaction(async (manager) => {
      await app.sagas.signal(id, 'approved', 'rolled back', { ...options, manager });
      throw new Error('rolled back');
    }),
  ).rejects.toThrow('rolled back');
  expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
  await database.transaction(async (manager) => {
    expect(await app.sagas.signal(id, 'approved', 'committed', { ...options, manager })).toMatchObject({ accepted: true });
    expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
  });
  expect(await outputs(app, id)).toEqual(['committed']);
});

it('a signal that nobody has brought is found by a sweep', async () => {
  const namespace = freshName();
  const app = await bootSagaApp({ namespace, providers: [Doors] });
  const id = await waiting(app);
  // As the commit of a caller's transaction leaves it, when nobody comes to know of that commit.
  await app.context
    .get(DataSource)
    .query(`INSERT INTO "${namespace}".signals (saga_id, signal_id, name, payload) VALUES ($1, 's-1', 'approved', '"found"')`, [id]);
  expect(await outputs(app, id)).toEqual(['found']);
});

it('a saga waits three days for a signal, with next to nothing written meanwhile', async () => {
  const namespace = freshName();
  const app = await bootSagaApp({ namespace, providers: [Doors] });
  const id = await waiting(app, [{ name: 'approve', signal: 'approved', timeoutMs: 4 * DAY_MS } as never]);
  const database = app.context.get(DataSource);
  const before = (await app.sagas.history(id)).length;
  for (const table of [
    'sagas SET wake_at = wake_at',
    'operations SET due_at = due_at',
    'operations SET send_at = send_at',
    'operations SET first_at = first_at',
  ])
    await database.query(`UPDATE "${namespace}".${table} - interval '3 days'`);
  const resends = async (): Promise<number> => {
    const [row] = await database.query<readonly { resends: number }[]>(`SELECT resends FROM "${namespace}".operations WHERE saga_id = $1`, [
      id,
    ]);
    return row?.resends ?? 0;
  };
  await until('a look', async () => ((await resends()) >= 2 ? true : undefined));
  expect([(await app.sagas.history(id)).length, (await app.sagas.get(id)).steps[0]?.status]).toEqual([before, 'waiting']);
  await app.sagas.signal(id, 'approved', 'at last');
  expect(await outputs(app, id)).toEqual(['at last']);
});

it('a signal that does not come in time fails the step, once, whatever the retries of the module', async () => {
  const app = await bootSagaApp({ providers: [Doors], options: { defaults: { retry: { attempts: 5 } } } });
  const { id } = await app.sagas.start('order', [{ name: 'approve', signal: 'approved', timeoutMs: 50 }]);
  const saga = await app.sagas.waitFor(id);
  expect([saga.state, saga.steps[0]?.error?.code]).toEqual(['failed', 'SIGNAL_TIMEOUT']);
  await expect(app.sagas.signal(id, 'approved')).rejects.toThrow(SagaTerminalError);
});

it('a cancelled saga does not wait on', async () => {
  const app = await bootSagaApp({ providers: [Doors] });
  const id = await waiting(app);
  await app.operator.cancel(id);
  const saga = await app.sagas.waitFor(id);
  expect([saga.state, saga.steps[0]?.status]).toEqual(['failed', 'skipped']);
});

it('a paused saga takes a signal, and goes on when it is resumed', async () => {
  const app = await bootSagaApp({ providers: [Doors] });
  app.context.get(Doors).unlock();
  const { id } = await app.sagas.start('order', [
    { name: 'approve', signal: 'approved' },
    { name: 'door', action: 'door' },
  ]);
  await app.signal('operation.waiting');
  await app.operator.pause(id);
  await app.sagas.signal(id, 'approved', 'yes');
  expect((await app.sagas.get(id)).steps.map(({ status }) => status)).toEqual(['completed', 'started']);
  await app.operator.resume(id);
  expect(await outputs(app, id)).toEqual(['yes', null]);
});

it('what is no signal is refused, with the place and the remedy', async () => {
  const app = await bootSagaApp({ providers: [Doors] });
  const id = await waiting(app);
  await expect(app.sagas.signal('01ARZ3NDEKTSV4RRFFQ69G5FAV', 'approved')).rejects.toThrow(SagaNotFoundError);
  await expect(app.sagas.signal(7 as never, 'approved')).rejects.toThrow(SagaNotFoundError);
  for (const bad of ['', 'two words', 7, undefined]) await expect(app.sagas.signal(id, bad as never)).rejects.toThrow(SagaInputError);
  for (const payload of [NaN, 'a\0b', 'x'.repeat(300_000)])
    await expect(app.sagas.signal(id, 'approved', payload)).rejects.toThrow(SagaInputError);
  for (const options of [{ signalId: '' }, { signalId: 7 }, { signalId: 'x'.repeat(201) }, { signalID: 'x' }, { manager: 'x' }, null])
    await expect(app.sagas.signal(id, 'approved', null, options as never)).rejects.toThrow(SagaInputError);
  const { manager } = app.context.get(DataSource);
  await expect(app.sagas.signal(id, 'approved', null, { manager })).rejects.toThrow(SagaManagerError);
  await expect(app.sagas.start('order', [{ name: 'a', signal: 'two words', timeoutMs: -1 }])).rejects.toThrow(
    /signal "two words" is not a valid name.*timeoutMs must be a number of milliseconds above 0/s,
  );
  await expect(app.sagas.start('order', [{ name: 'a', signal: 'ok', timeoutMS: 1 } as never])).rejects.toThrow(SagaPlanError);
  expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
});
