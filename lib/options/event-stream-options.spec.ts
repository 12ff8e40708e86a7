import { describe, expect, it } from '@jest/globals';
import { SagaInputError } from '../errors';
import { streamFilterOf } from './event-stream-options';

describe('The options of events()', () => {
  it('may be left out', () => {
    expect(streamFilterOf({})).toEqual({ capacity: 1_000 });
  });

  it.each<[string, unknown, string]>([
    ['no object', null, ''],
    ['a misspelt one', { type: ['saga.ended'] }, 'did you mean "types"'],
    ['the id of no saga', { sagaId: 'order 7' }, '/sagaId'],
    ['no name', { name: '7' }, '/name'],
    ['types that are no list', { types: 'saga.ended' }, '/types'],
    ['a misspelt type', { types: ['saga.ended', 'step.complete'] }, 'did you mean "step.completed"'],
    ['a type that is told to every reader', { types: ['events.dropped'] }, '/types/0'],
    ['no room at all', { buffer: 0 }, '/buffer'],
    ['too much room', { buffer: 100_001 }, '/buffer'],
    ['no signal', { signal: {} }, '/signal'],
  ])('are refused: %s', (_what, options, hint) => {
    expect(() => streamFilterOf(options)).toThrow(SagaInputError);
    try {
      streamFilterOf(options);
    } catch (error) {
      expect(`${(error as SagaInputError).path} ${(error as Error).message}`).toContain(hint);
    }
  });
});
