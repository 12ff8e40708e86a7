import { expect, it } from '@jest/globals';
import { spoken } from './spoken-time';

it.each<[number, string]>([
  [-5, '0 ms'],
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1 s'],
  [40_400, '40 s'],
  [89_000, '89 s'],
  [90_000, '2 min'],
  [600_000, '10 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
])('says %d ms as %s', (ms, text) => {
  expect(spoken(ms)).toBe(text);
});
