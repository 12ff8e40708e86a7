import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { attemptLimit, nextRetryMs, retryPolicyProblems, type RetryPolicy, type RetryQuestion } from './retry-policy';

const exponential: RetryPolicy = { attempts: 10, backoff: 'exponential', baseMs: 1_000, maxMs: 5_000 };
const fixed: RetryPolicy = { attempts: 3, backoff: 'fixed', baseMs: 700, maxMs: 60_000 };

function retryIn(question: Partial<RetryQuestion>): number | null {
  return nextRetryMs({ policy: exponential, attempts: 1, retryable: undefined, retryAfterMs: undefined, seed: 0.999_999, ...question });
}

describe('the next attempt', () => {
  it('comes after at most the base, then twice that, and so on up to the maximum', () => {
    expect([1, 2, 3, 4, 9].map((attempts) => retryIn({ attempts }))).toEqual([999, 1_999, 3_999, 4_999, 4_999]);
  });

  it('has full jitter: anything from nothing to the whole delay', () => {
    expect(retryIn({ attempts: 3, seed: 0 })).toBe(0);
    expect(retryIn({ attempts: 3, seed: 0.5 })).toBe(2_000);
  });

  it('comes after the same delay each time when the policy is fixed', () => {
    expect([1, 2].map((attempts) => retryIn({ policy: fixed, attempts, seed: 0.3 }))).toEqual([700, 700]);
  });

  it('is never later than the maximum of a fixed policy', () => {
    expect(retryIn({ policy: { ...fixed, maxMs: 50 } })).toBe(50);
  });

  it('is not made when the attempts are used up', () => {
    expect(retryIn({ attempts: 10 })).toBeNull();
    expect(retryIn({ attempts: 10, retryable: true })).toBeNull();
  });

  it('is never made when the handler says that it makes no sense', () => {
    expect(retryIn({ retryable: false, retryAfterMs: 5 })).toBeNull();
  });

  it('is not made without a policy', () => {
    expect(retryIn({ policy: null })).toBeNull();
  });

  it('is made without a policy when the handler asks for it, twice', () => {
    expect([1, 2, 3].map((attempts) => retryIn({ policy: null, retryable: true, attempts, seed: 0.5 }))).toEqual([500, 1_000, null]);
  });

  it('comes when the handler says, if it says', () => {
    expect(retryIn({ retryAfterMs: 12_345.6 })).toBe(12_345);
    expect(retryIn({ retryAfterMs: -5 })).toBe(0);
  });

  it('has a delay that is a number for every policy that is accepted', () => {
    const policy = fc.record<RetryPolicy>({
      attempts: fc.integer({ min: 1, max: 30_000 }),
      backoff: fc.constantFrom('exponential', 'fixed'),
      baseMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true })),
      maxMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true })),
    });
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 1, max: 30_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (p, attempts, seed) => {
          expect(retryPolicyProblems(p)).toEqual([]);
          const inMs = retryIn({ policy: p, attempts, seed });
          if (inMs === null) expect(attempts).toBeGreaterThanOrEqual(p.attempts);
          else expect(inMs >= 0 && inMs <= p.maxMs).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('comes at once after many attempts of a policy without a delay', () => {
    expect(retryIn({ policy: { attempts: 30_000, backoff: 'exponential', baseMs: 0, maxMs: 60_000 }, attempts: 2_000 })).toBe(0);
  });
});

describe('the limit of attempts', () => {
  it('is the policy’s, or what a handler can ask for without one', () => {
    expect(attemptLimit(fixed)).toBe(3);
    expect(attemptLimit({ ...fixed, attempts: 1 })).toBe(1);
    expect(attemptLimit(null)).toBe(3);
  });
});

describe('a policy that somebody wrote', () => {
  it('is told all that is wrong with it', () => {
    const wrong = { attempts: 0, backoff: 'linear', baseMs: Number.NaN, maxMs: -1 } as unknown as RetryPolicy;
    expect(retryPolicyProblems(wrong)).toEqual([
      expect.stringContaining('retry.attempts'),
      expect.stringContaining('retry.backoff'),
      expect.stringContaining('retry.baseMs'),
      expect.stringContaining('retry.maxMs'),
    ]);
  });

  it.each([1.5, Number.POSITIVE_INFINITY, 30_001, '3'])('may not have %p attempts', (attempts) => {
    expect(retryPolicyProblems({ ...fixed, attempts: attempts as number })).toHaveLength(1);
  });

  it('is fine at its bounds', () => {
    expect(retryPolicyProblems({ attempts: 30_000, backoff: 'exponential', baseMs: 0, maxMs: 0 })).toEqual([]);
  });
});
