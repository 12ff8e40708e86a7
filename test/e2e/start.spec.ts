import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  SagaActiveError,
  SagaConflictError,
  SagaInputError,
  SagaNotFoundError,
  SagaPlanError,
  SagaStep,
  type StepContext,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

@Injectable()
class Steps {
  ran = 0;
  @SagaStep('run') run(_input: unknown, ctx: StepContext) {
    this.ran++;
    return ctx.saga.metadata;
  }
}

const RUN = [{ name: 'run', action: 'run' }];

describe('start()', () => {
  it('starts the same business key once, however often and from however many processes it is asked', async () => {
    const namespace = freshName();
    const apps = await Promise.all([1, 2].map(() => bootSagaApp({ namespace, providers: [Steps] })));
    const starts = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        apps[i % 2]!.sagas.start('s', RUN, { total: 1 }, { businessKey: 'order:42', metadata: { requestId: String(i) } }),
      ),
    );
    expect(new Set(starts.map((saga) => saga.id)).size).toBe(1);
    expect(starts.filter((saga) => saga.created)).toHaveLength(1);
    await apps[0]!.sagas.waitFor(starts[0]!.id);
    expect(apps.map((app) => app.context.get(Steps).ran).reduce((a, b) => a + b)).toBe(1);
  });

  it('never starts a business key again, not even after the saga was deleted', async () => {
    const { sagas } = await bootSagaApp({ providers: [Steps] });
    const first = await sagas.start('s', RUN, {}, { businessKey: 'k' });
    await sagas.waitFor(first.id);
    await sagas.delete(first.id);
    await expect(sagas.get(first.id)).rejects.toThrow(SagaNotFoundError);
    expect(await sagas.start('s', RUN, {}, { businessKey: 'k' })).toEqual({
      id: first.id,
      name: 's',
      state: 'completed',
      created: false,
      purged: true,
    });
  });

  it('refuses a business key with another input, and names the saga that has it', async () => {
    const { sagas } = await bootSagaApp({ providers: [Steps] });
    const { id } = await sagas.start('s', RUN, { total: 1 }, { businessKey: 'k' });
    const other = sagas.start('s', RUN, { total: 2 }, { businessKey: 'k' });
    await expect(other).rejects.toThrow(SagaConflictError);
    await expect(other).rejects.toThrow(id);
  });

  it('starts with the transaction of the caller if that commits, and not at all if it rolls back', async () => {
    const { sagas, context } = await bootSagaApp({ providers: [Steps] });
    const database = context.get(DataSource);
    const kept = await database.transaction((manager) => sagas.start('s', RUN, {}, { manager }));
    expect((await sagas.waitFor(kept.id)).state).toBe('completed');

    let lost = '';
    const undone = database.transaction(async (manager) => {
      lost = (await sagas.start('s', RUN, {}, { manager, businessKey: 'k' })).id;
      throw new Error('the order could not be saved');
    });
    await expect(undone).rejects.toThrow('the order could not be saved');
    await expect(sagas.get(lost)).rejects.toThrow(SagaNotFoundError);
    expect((await sagas.start('s', RUN, {}, { businessKey: 'k' })).created).toBe(true);
  });

  it('hands the metadata to every handler', async () => {
    const { sagas } = await bootSagaApp({ providers: [Steps] });
    const { id } = await sagas.start('s', RUN, {}, { metadata: { requestId: 'r-1' } });
    expect((await sagas.waitFor(id)).steps[0]?.output).toEqual({ requestId: 'r-1' });
  });

  it.each([
    ['a NUL', { context: { name: 'a\u0000b' } }, '/name'],
    ['half a surrogate pair', { context: { name: '\ud800' } }, '/name'],
    ['NaN', { context: { deep: [1, Number.NaN] } }, '/deep/1'],
    ['a BigInt', { context: { n: 1n } }, '/n'],
    ['a Map', { context: { m: new Map() } }, '/m'],
    ['an integer that loses digits', { context: { n: 2 ** 53 } }, '/n'],
    ['a key that changes objects', { context: JSON.parse('{"__proto__": 1}') as object }, '/__proto__'],
    ['more than the limit', { context: { text: 'x'.repeat(300_000) } }, ''],
    ['an empty business key', { options: { businessKey: '' } }, '/businessKey'],
    ['a deadline in the past', { options: { deadlineMs: -1 } }, '/deadlineMs'],
  ])(
    'refuses %s with a pointer to its place, and stores nothing',
    async (_what, { context = {}, options = {} }: { context?: object; options?: object }, path) => {
      const { sagas } = await bootSagaApp({ providers: [Steps] });
      const refused: unknown = await sagas.start('s', RUN, context, options).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(SagaInputError);
      expect((refused as SagaInputError).path).toBe(path);
      expect(await sagas.list()).toEqual([]);
    },
  );

  it('names everything that is wrong with the steps at once, and stores nothing', async () => {
    const { sagas } = await bootSagaApp({ providers: [Steps] });
    const refused: unknown = await sagas
      .start('s', [
        { name: 'a', action: 'run', dependsOn: ['b'] },
        { name: 'b', action: 'runn', dependsOn: ['a'], input: { n: Number.NaN } },
        { name: 'b', action: 'run', dependsOn: ['c'] },
      ])
      .catch((error: unknown) => error);
    expect((refused as SagaPlanError).problems).toEqual([
      'two steps are called "b"',
      expect.stringContaining('no process has a handler for action "runn"'),
      expect.stringContaining('depends on "c", which is not a step of this saga'),
      expect.stringContaining('these steps wait for each other: "a", "b"'),
      expect.stringContaining('input of step "b" at "/n"'),
    ]);
    expect(await sagas.list()).toEqual([]);
  });

  it('turns back when the deadline passes', async () => {
    const { sagas } = await bootSagaApp({ providers: [Steps], options: { unknownActions: 'warn' } });
    const { id } = await sagas.start('s', [...RUN, { name: 'never', action: 'nobody.has' }], {}, { deadlineMs: 50 });
    const saga = await sagas.waitFor(id);
    expect(saga.cause).toEqual({ kind: 'deadline' });
    expect(saga.state).toBe('failed');
  });

  it('refuses to delete a saga that has not ended', async () => {
    const { sagas } = await bootSagaApp({ options: { unknownActions: 'warn' } });
    const { id } = await sagas.start('s', [{ name: 'never', action: 'nobody.has' }]);
    await expect(sagas.delete(id)).rejects.toThrow(SagaActiveError);
  });

  it.each(['\0', '', 'x'.repeat(26), "' OR 1=1 --", '01ARZ3NDEKTSV4RRFFQ69G5FAV'])(
    'knows no saga with the id %j, and asks the database nothing strange',
    async (id) => {
      const { sagas } = await bootSagaApp();
      expect(await sagas.find(id)).toBeNull();
      expect(await sagas.history(id)).toEqual([]);
      for (const ask of [() => sagas.get(id), () => sagas.waitFor(id), () => sagas.compensate(id), () => sagas.delete(id)]) {
        await expect(ask()).rejects.toThrow(SagaNotFoundError);
      }
    },
  );

  it('refuses what cannot be stored or looked for in options of list() and compensate()', async () => {
    const { sagas } = await bootSagaApp({ options: { unknownActions: 'warn' } });
    const { id } = await sagas.start('s', [{ name: 'never', action: 'nobody.has' }]);
    for (const ask of [
      () => sagas.list({ name: '\0' }),
      () => sagas.list({ before: '\0' }),
      () => sagas.list({ limit: 0 }),
      () => sagas.compensate(id, { reason: '\0' }),
      () => sagas.compensate(id, { actor: 'x'.repeat(2_000) }),
    ]) {
      await expect(ask()).rejects.toThrow(SagaInputError);
    }
    expect((await sagas.get(id)).state).toBe('started');
  });
});
