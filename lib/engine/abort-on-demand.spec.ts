import { describe, expect, it } from '@jest/globals';
import { AbortOnDemand } from './abort-on-demand';

describe('an abort on demand', () => {
  it('tells whoever has its signal already', () => {
    const abort = new AbortOnDemand();
    const { signal } = abort;
    const reason = new Error('enough');
    expect(signal.aborted).toBe(false);
    abort.abort(reason);
    expect(signal).toMatchObject({ aborted: true, reason });
    expect(abort.signal).toBe(signal);
  });

  it('tells whoever looks afterwards, of the first reason', () => {
    const abort = new AbortOnDemand();
    const reason = new Error('enough');
    abort.abort(reason);
    abort.abort(new Error('once more'));
    expect(abort.signal).toMatchObject({ aborted: true, reason });
  });
});
