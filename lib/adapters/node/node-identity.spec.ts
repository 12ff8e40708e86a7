import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeTime } from 'ulid';
import { isSagaId } from '../../core/names';
import { NodeIdentity } from './node-identity';

const AT = 1_800_000_000_000;

describe('the ids of a process', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('are ULIDs, each once and each after the one before', () => {
    const identity = new NodeIdentity();
    const ids = Array.from({ length: 10_000 }, () => identity.newId());
    expect(ids.filter((id) => !isSagaId(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it('carry its clock, and go on when that is put back', () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(AT);
    const identity = new NodeIdentity();
    const first = identity.newId();
    clock.mockReturnValue(AT - 5_000);
    const second = identity.newId();
    clock.mockReturnValue(AT + 1);
    const third = identity.newId();
    expect([first, second, third].map(decodeTime)).toEqual([AT, AT, AT + 1]);
    expect([first, second, third].sort()).toEqual([first, second, third]);
  });

  it('share a lane, in the same millisecond and in another', () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(AT);
    const identity = new NodeIdentity();
    const early = [identity.newId(), identity.newId()];
    clock.mockReturnValue(AT + 1);
    const lanes = [...early, identity.newId()].map((id) => id.slice(10, 12));
    expect(new Set(lanes).size).toBe(1);
  });
});
