import { describe, expect, it } from '@jest/globals';
import { resolveSagaOptions } from './resolve-saga-options';

describe('The options about results and deployments', () => {
  it('have defaults', () => {
    expect(resolveSagaOptions({})).toMatchObject({ problems: [], engine: { waitPollMs: 5_000, missingHandlers: 'warn' } });
  });

  it.each([
    [{ waitPollMs: 0 }, 'option "waitPollMs" must be a number, 10 or more'],
    [{ missingHandlers: 'ignore' }, `option "missingHandlers" must be 'warn' or 'refuse' or 'off'`],
    [{ missingHandler: 'off' }, 'unknown option "missingHandler" (did you mean "missingHandlers"?)'],
  ])('are refused: %j', (options, problem) => {
    expect(resolveSagaOptions(options as object).problems).toEqual([expect.stringContaining(problem)]);
  });
});
