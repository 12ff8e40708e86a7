import { quoted } from './names';
import { didYouMean } from './suggestion';

const FIELDS = ['attempts', 'backoff', 'baseMs', 'maxMs', 'maxElapsedMs'];
/** A server may ask for more patience than this; it gets this much. */
const LONGEST_RETRY_AFTER_MS = 30 * 24 * 3_600_000;

/** When a failed attempt is tried again. Times in milliseconds. */
export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly attempts: number;
  readonly backoff: 'exponential' | 'fixed';
  /** The delay before the second attempt (an upper bound when exponential: full jitter). */
  readonly baseMs: number;
  /** No delay is longer than this. */
  readonly maxMs: number;
  /**
   * No attempt starts later than this after the first one, whatever `attempts` says; only attempts that were lost with their process are made
   * up for all the same. Left out: no such limit.
   */
  readonly maxElapsedMs?: number;
}

/** A policy as people write it. Times in milliseconds. */
export interface RetryOptions {
  /** Attempts in all, the first one included: 1 to 30,000. */
  readonly attempts: number;
  /** Default: `exponential`. */
  readonly backoff?: 'exponential' | 'fixed';
  /** The delay before the second attempt (an upper bound when exponential: full jitter). Default: 1,000. */
  readonly baseMs?: number;
  /** No delay is longer than this. Default: 60,000. */
  readonly maxMs?: number;
  /** No attempt starts later than this after the first one, whatever `attempts` says. Default: no such limit. */
  readonly maxElapsedMs?: number;
}

export function retryPolicyOf(options: RetryOptions): RetryPolicy {
  const { attempts, backoff = 'exponential', baseMs = 1_000, maxMs = 60_000, maxElapsedMs } = options;
  return { attempts, backoff, baseMs, maxMs, ...(maxElapsedMs === undefined ? {} : { maxElapsedMs }) };
}

/** What applies when a handler says `retryable: true` and its step names no policy. */
export const RETRYABLE_WITHOUT_POLICY: RetryPolicy = retryPolicyOf({ attempts: 3 });

export interface RetryQuestion {
  readonly policy: RetryPolicy | null;
  /** Attempts so far that ended in the handler's own word or in a timeout. */
  readonly attempts: number;
  /** The handler's wish; `undefined` leaves it to the policy. */
  readonly retryable: boolean | undefined;
  readonly retryAfterMs: number | undefined;
  /** Since the first attempt began, by the store's clock. Default: 0. */
  readonly elapsedMs?: number | undefined;
  /** Uniform in [0, 1); comes in on the event so that the core needs no randomness. */
  readonly seed: number;
}

/** Milliseconds until the next attempt, or null when there is none. */
export function nextRetryMs(question: RetryQuestion): number | null {
  if (question.retryable === false) return null;
  const policy = question.policy ?? (question.retryable === true ? RETRYABLE_WITHOUT_POLICY : null);
  if (policy === null || question.attempts >= policy.attempts) return null;
  const delayMs = delayOf(policy, question);
  return (question.elapsedMs ?? 0) + delayMs > (policy.maxElapsedMs ?? Infinity) ? null : delayMs;
}

function delayOf(policy: RetryPolicy, question: RetryQuestion): number {
  if (question.retryAfterMs !== undefined) return Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, Math.floor(question.retryAfterMs)));
  if (policy.backoff === 'fixed') return Math.min(policy.baseMs, policy.maxMs);
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(question.attempts - 1, 1_000));
  return Math.floor(ceiling * question.seed);
}

/** Milliseconds until the next attempt of what is tried until it completes, when its policy has no more. */
export function longestDelayMs(policy: RetryPolicy | null, seed: number): number {
  const { backoff, baseMs, maxMs } = policy ?? RETRYABLE_WITHOUT_POLICY;
  // From the half on: sagas that wait for the same cause come back apart, and none comes early.
  return backoff === 'fixed' ? Math.min(baseMs, maxMs) : Math.floor((maxMs * (1 + seed)) / 2);
}

const LONGEST_LOSS_PAUSE_MS = 10_000;

/** Milliseconds until an attempt that was lost by no fault of its handler is made up for. */
export function lossDelayMs(losses: number, seed: number): number {
  return 1 + Math.floor(Math.min(LONGEST_LOSS_PAUSE_MS, 100 * 2 ** Math.min(losses, 30)) * seed);
}

/** The most attempts that any word of the handler can lead to: the guard that the claim carries. */
export function attemptLimit(policy: RetryPolicy | null): number {
  return Math.max(policy?.attempts ?? 1, policy === null ? RETRYABLE_WITHOUT_POLICY.attempts : 1);
}

/** What is wrong with a policy that somebody wrote, in words. */
export function retryPolicyProblems(options: unknown): string[] {
  if (typeof options !== 'object' || options === null) return ['retry must be an object { attempts, … }'];
  const unknown = Object.keys(options).filter((field) => !FIELDS.includes(field));
  const written: Record<string, unknown> = { backoff: 'fixed', baseMs: 0, maxMs: 0, maxElapsedMs: 0, ...options };
  const { attempts, backoff, baseMs, maxMs, maxElapsedMs } = written;
  const problems = unknown.map((field) => `unknown field ${quoted(`retry.${field}`)}${didYouMean(field, FIELDS)}`);
  const isDelay = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value >= 0;
  if (typeof attempts !== 'number' || !Number.isInteger(attempts) || attempts < 1 || attempts > 30_000) {
    problems.push('retry.attempts must be a whole number from 1 to 30,000');
  }
  if (backoff !== 'exponential' && backoff !== 'fixed') problems.push("retry.backoff must be 'exponential' or 'fixed'");
  if (!isDelay(baseMs)) problems.push('retry.baseMs must be a number of milliseconds, 0 or more');
  if (!isDelay(maxElapsedMs)) problems.push('retry.maxElapsedMs must be a number of milliseconds, 0 or more');
  if (!isDelay(maxMs)) problems.push('retry.maxMs must be a number of milliseconds, 0 or more');
  return problems;
}
