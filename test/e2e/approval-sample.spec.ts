import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type OwnDatabase } from './order-sample/own-database';
import { buildSample, Program } from './order-sample/program';

let database: OwnDatabase;
let sample: Program | undefined;

beforeAll(async () => {
  [database] = await Promise.all([createDatabase(), buildSample('03-approval')]);
}, 180_000);
afterAll(async () => {
  await sample?.end('SIGKILL');
  await database.drop();
});

test('the approval sample tells four stories by itself and ends with 0', async () => {
  sample = new Program('sample/03-approval/dist/main.js', { AMQP_URL: undefined, DATABASE_URL: database.url });
  expect(await sample.ended).toEqual({ code: 0, signal: null });
  const story = sample.lines.join('\n').replace(/saga \w{26}/g, 'saga S');
  expect(story).toMatch(
    /The lead approves\n.*mail to the lead: Please approve.*\n.*answers: accepted, the step is completed\n.*saga S is completed: .*700 left/,
  );
  expect(story).toMatch(
    /the boss approves\n.*lead: Please.*\n.*lead: Reminder.*\n.*boss: Nobody has answered.*\n.*the boss answers: accepted.*\n.*saga S is completed: .*400 left/,
  );
  expect(story).toMatch(
    /refuses\n.*\n.*answers: accepted, the step is failed\n.*saga S is compensated: reserve compensated, approve failed, .*400 left/,
  );
  expect(story).toMatch(
    /deadline\n(.*mail.*\n){3}.*lead: Never mind a desk\n.*saga S is compensated: reserve compensated, approve compensated, .*400 left/,
  );
  expect(sample.errors).toEqual([]);
}, 120_000);
