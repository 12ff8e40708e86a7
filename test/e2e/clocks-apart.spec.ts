import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { LoadedApp } from './broker/broker-under-test';
import { buildSample, ROOT } from './order-sample/program';
import { freshName } from './saga-app';

const HOUR_MS = 3_600_000;

describe('Two processes whose clocks are two hours apart', () => {
  const apps: LoadedApp[] = [];
  let library = '';
  const boot = async (hours: number, name: string): Promise<LoadedApp> => {
    // Timers run on the monotonic clock, which stays as it is: a host that is wrong about the date is right about a second.
    const env = { LD_PRELOAD: library, FAKETIME: `${hours < 0 ? '' : '+'}${hours}h`, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    const app = await LoadedApp.boot({}, { name, env, times: { leaseMs: 2_000, heartbeatMs: 400, graceMs: 300 } });
    apps.push(app);
    expect((await app.status()).clock / HOUR_MS).toBeCloseTo(Date.now() / HOUR_MS + hours, 1);
    return app;
  };

  beforeAll(async () => {
    await buildSample();
    library = execFileSync(process.execPath, [join(ROOT, 'test/services/faketime.mjs')], { encoding: 'utf8' }).trim();
  }, 120_000);
  afterAll(() => Promise.all(apps.map((app) => app.end())));

  it("share sagas as any other two, and take over from one another by the database's clock", async () => {
    const name = freshName();
    const late = await boot(-1, name);
    const early = await boot(1, name);
    await Promise.all([late.beginLoad(), early.beginLoad()]);
    await Promise.all([late.isBack(), early.isBack()]);
    expect(await early.endLoad()).toMatchObject({ refusals: [], wrong: [], twice: [] });
    apps.splice(apps.indexOf(early), 1);
    await early.kill();
    await late.isBack();
    const { started, ...problems } = await late.endLoad();
    expect(problems).toEqual({ refusals: [], wrong: [], twice: [] });
    expect(started).toBeGreaterThan(0);
  }, 60_000);
});
