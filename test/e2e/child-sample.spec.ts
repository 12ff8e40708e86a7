import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type OwnDatabase } from './order-sample/own-database';
import { buildSample, Program } from './order-sample/program';

let database: OwnDatabase;

beforeAll(async () => {
  [database] = await Promise.all([createDatabase(), buildSample('04-child-saga')]);
}, 120_000);
afterAll(async () => database.drop());

test('the sample of sagas within sagas tells of a trip that is possible and of one that is undone, and ends with 0', async () => {
  const sample = new Program('sample/04-child-saga/dist/main.js', { AMQP_URL: undefined, DATABASE_URL: database.url });
  expect(await sample.ended).toEqual({ code: 0, signal: null });
  expect(sample.errors.filter((line) => line !== '')).toEqual([]);
  const story = sample.lines.join('\n');
  expect(story).toMatch(/trip is completed: plan completed, book completed, pay completed, confirm completed/);
  expect(story).toMatch(/trip is compensated: plan completed, book compensated, pay compensated, confirm failed/);
  expect(story).toMatch(/ran payment is completed: authorize completed, capture completed/);
  expect(story).toMatch(/undone by payment is compensated: authorize compensated, capture compensated/);
  expect(story).toMatch(/undone by trip\.book is compensated: item_0001 compensated, item_0002 compensated/);
  const keys = (pattern: RegExp): readonly string[] => [...story.matchAll(pattern)].map(([, key = '']) => key);
  expect(keys(/paid back what was done under (\S+)/g)).toEqual(keys(/captured under (\S+)/g).slice(1));
}, 60_000);
