import { afterEach, expect, test } from '@jest/globals';
import { closeApps } from './saga-app';
import { ledgerApp, type LedgerApp } from './transactional-app';

const STEPS = 40;
const SETUP = { options: { workers: { steps: 8, compensations: 2 } }, database: { poolSize: 12 } } as const;

afterEach(closeApps);

async function processes(count: number): Promise<readonly [LedgerApp, ...LedgerApp[]]> {
  const first = await ledgerApp(SETUP);
  const others = await Promise.all(Array.from({ length: count - 1 }, () => ledgerApp({ ...SETUP, namespace: first.namespace })));
  for (const { ledger } of [first, ...others]) {
    // Long enough for the other branches to report or to be claimed meanwhile.
    ledger.work = async (ctx) => {
      await ledger.book(ctx);
      await ctx.manager.query('SELECT pg_sleep(0.03)');
    };
  }
  return [first, ...others];
}

test('parallel steps above READ COMMITTED do not wear one another out, in several processes', async () => {
  const [app] = await processes(3);
  const branches = Array.from({ length: STEPS }, (_, place) => ({ name: `s${place}`, action: 'ledger.serial' }));
  const { id } = await app.sagas.start('fan', [branches]);
  expect((await app.sagas.waitFor(id, { timeoutMs: 60_000 })).state).toBe('completed');
  expect(await app.rows()).toHaveLength(STEPS);
  expect((await app.sagas.history(id)).filter(({ kind }) => kind === 'lost')).toEqual([]);
}, 90_000);
