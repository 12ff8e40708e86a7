import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type OwnDatabase } from './order-sample/own-database';
import { buildSample, Program } from './order-sample/program';

const NAME = '02-parallel-and-conditional';

let database: OwnDatabase;
let sample: Program | undefined;

beforeAll(async () => {
  [database] = await Promise.all([createDatabase(), buildSample(NAME)]);
}, 120_000);
afterAll(async () => {
  await sample?.end('SIGKILL');
  await database.drop();
});

test('the sample tells which steps each order needed, and why it did not need the others, and ends with 0', async () => {
  sample = new Program(`sample/${NAME}/dist/main.js`, { AMQP_URL: undefined, DATABASE_URL: database.url });
  expect(await sample.ended).toEqual({ code: 0, signal: null });
  expect(sample.errors).toEqual([]);
  const story = sample.lines.map((line) => line.replace(/[0-9A-Z]{26}/, '…'));
  expect(story).toEqual([
    'A small order is completed',
    '  score    completed    {"risk":2}',
    '  reserve  completed    {"reservation":"…:reserve:action"}',
    '  approve  skipped      outputs.score.risk is 2, not at least 50',
    '  wrap     skipped      it is no gift',
    '  charge   completed    {"charged":40,"approvedBy":null}',
    '  context  {"gift":false,"amount":40,"customer":"ann"}',
    '',
    'A large order from somebody new, as a gift is completed',
    '  score    completed    {"risk":85}',
    '  reserve  completed    {"reservation":"…:reserve:action"}',
    '  approve  completed    {"by":"the fraud desk"}',
    '  wrap     completed    {"price":5}',
    '  charge   completed    {"charged":905,"approvedBy":"the fraud desk"}',
    '  context  {"gift":true,"amount":900,"customer":"eve","approvedAtRisk":85}',
    '',
    'An order of more than there is is failed',
    '  score    completed    {"risk":50}',
    '  reserve  failed       OUT_OF_STOCK: only 1000 are left',
    '  approve  skipped',
    '  wrap     skipped',
    '  charge   skipped',
    '  context  {"gift":true,"amount":5000,"customer":"ann"}',
    '',
  ]);
}, 60_000);
