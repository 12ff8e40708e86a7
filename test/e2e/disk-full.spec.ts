import { afterEach, describe, expect, it } from '@jest/globals';
import { SagaDatabaseError } from 'nest-saga';
import { Effects, expectWholeSagas, GOOD, held, makeEffects, noise, standingEffects, Uncaught } from './database-trouble';
import { mayMount, OwnService } from './own-services/own-service';
import { bootSagaApp, closeApps, freshName } from './saga-app';

const uncaught = new Uncaught();
afterEach(closeApps);

// With the rights for it, a disk that is really full; as anybody, files that may not grow. The second also runs where the first can.
const KINDS = mayMount() ? (['mount', 'limit'] as const) : (['limit'] as const);

describe.each(KINDS)('A disk without space (%s)', (kind) => {
  it('refuses starts clearly, stores nothing by halves, and delays what runs until there is space again', async () => {
    uncaught.watch();
    const server = await OwnService.postgresOnSmallDisk(kind);
    try {
      await makeEffects(server.url);
      const namespace = freshName();
      const app = await bootSagaApp({ providers: [Effects], namespace, database: { url: server.url } });
      const running = await Promise.all(Array.from({ length: 3 }, () => app.sagas.start('s', held(200_000))));
      await Promise.all(running.map(({ id }) => app.signal('operation.claimed', ({ sagaId }) => sagaId === id)));
      await server.ask('fill');

      const accepted: string[] = [];
      let error: unknown;
      while (error === undefined && accepted.length < 500) {
        try {
          accepted.push((await app.sagas.start('s', GOOD, { text: noise(240_000) })).id);
        } catch (reason) {
          error = reason;
        }
      }
      expect(error).toBeInstanceOf(SagaDatabaseError);
      expect((error as Error).message).toMatch(kind === 'mount' ? /No space left on device \(53100\)/ : /could not (extend|write)/);
      const stored = await expectWholeSagas(server.url, namespace);
      expect(stored).toBe(running.length + accepted.length);

      app.context.get(Effects).letGo();
      // There may be a little space left, for the row of the effect or for neither: then it is the handler that fails first.
      const trouble = app.signal('engine.trouble', ({ where }) => where.startsWith('commit'));
      if (kind === 'mount') await Promise.race([trouble, app.signal('operation.failed')]);
      await server.ask('free');
      const ids = [...running.map(({ id }) => id), ...accepted];
      const states = await Promise.all(ids.map(async (id) => (await app.sagas.waitFor(id)).state));
      expect(new Set(states)).toEqual(new Set(['completed']));
      expect((await standingEffects(server.url)).length).toBe(2 * running.length + 4 * accepted.length);
      expect((await app.sagas.waitFor((await app.sagas.start('s', GOOD, { text: noise(240_000) })).id)).state).toBe('completed');
      await expectWholeSagas(server.url, namespace);
    } finally {
      await closeApps();
      await server.stop();
    }
    expect(await uncaught.stop()).toEqual([]);
  }, 60_000);
});
