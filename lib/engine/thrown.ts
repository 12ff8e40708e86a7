import { StepError, UnknownOutcomeError } from '../errors';
import type { FailedEvent } from '../core/event';
import type { StepFailure } from '../core/operation';

export type ThrownVerdict = Pick<FailedEvent, 'error' | 'outcome' | 'retryable' | 'retryAfterMs'>;

/** The other side may have received the request: nobody can say whether the effect happened. */
const UNKNOWN_NAMES = new Set(['AbortError', 'TimeoutError', 'HeadersTimeoutError', 'BodyTimeoutError', 'UnknownOutcomeError']);
const UNKNOWN_CODES = new Set([
  'ECONNRESET',
  'ETIMEDOUT',
  'ECONNABORTED', // a timeout, in axios
  'ERR_CANCELED',
  'EPIPE',
  'ESOCKETTIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const UNKNOWN_HTTP = new Set([408, 502, 504]);
/** The request never left: there was nobody to receive it. */
const FAILED_CODES = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

const MESSAGE_LENGTH = 2_048;
const CODE_LENGTH = 128;
const CAUSE_DEPTH = 4;
const MOST_TEXTS = 50;

/**
 * What a handler's throw means. Anything can be thrown, getters that throw included, so every look at it is guarded.
 *
 * @param onThrow what it means when it says nothing about the effect
 */
export function verdictOn(thrown: unknown, onThrow: 'failed' | 'unknown' = 'failed'): ThrownVerdict {
  const error = failureOf(thrown);
  if (isStepError(thrown)) {
    return {
      error,
      outcome: 'failed',
      retryable: read(thrown, 'retryable', isBoolean),
      retryAfterMs: read(thrown, 'retryAfterMs', isDelay),
    };
  }
  return {
    error,
    outcome: saysUnknown(thrown) ? 'unknown' : saysFailed(thrown) ? 'failed' : onThrow,
    retryable: read(thrown, 'retryable', isBoolean),
    retryAfterMs: undefined,
  };
}

/** A `StepError` that forbids another attempt: the handler's final word, also while the process shuts down. */
export function isFinalWord(thrown: unknown): boolean {
  return isStepError(thrown) && read(thrown, 'retryable', isBoolean) === false;
}

function isStepError(thrown: unknown): boolean {
  return isA(thrown, StepError) || read(thrown, 'name', isString) === 'StepError';
}

function saysUnknown(thrown: unknown): boolean {
  return withCauses(thrown).some((error) => {
    if (isA(error, UnknownOutcomeError)) return true;
    if (UNKNOWN_NAMES.has(read(error, 'name', isString) ?? '') || UNKNOWN_CODES.has(read(error, 'code', isString) ?? '')) return true;
    return [error, read(error, 'response', isAnything)].some((carrier) => UNKNOWN_HTTP.has(statusOf(carrier)));
  });
}

/** A refusal in Nest's own words is one too: it is what guards and pipes throw, before the handler. */
function saysFailed(thrown: unknown): boolean {
  if (withCauses(thrown).some((error) => FAILED_CODES.has(read(error, 'code', isString) ?? ''))) return true;
  const isHttpException = read(thrown, 'getResponse', isFunction) !== undefined && read(thrown, 'getStatus', isFunction) !== undefined;
  return isHttpException && statusOf(thrown) >= 400 && statusOf(thrown) < 500;
}

function withCauses(thrown: unknown): readonly unknown[] {
  const errors: unknown[] = [];
  let current = thrown;
  for (let depth = 0; depth < CAUSE_DEPTH && current != null; depth++) {
    errors.push(current);
    current = read(current, 'cause', isAnything);
  }
  return errors;
}

function statusOf(carrier: unknown): number {
  return read(carrier, 'status', isNumber) ?? read(carrier, 'statusCode', isNumber) ?? 0;
}

function failureOf(thrown: unknown): StepFailure {
  const code = read(thrown, 'code', isString) ?? read(thrown, 'name', isString) ?? 'STEP_FAILED';
  const message = typeof thrown === 'string' ? thrown : (messageOf(thrown) ?? `the handler threw ${describe(thrown)}`);
  return { code: storable(code, CODE_LENGTH), message: storable(message, MESSAGE_LENGTH) };
}

/** With what an HttpException tells its client: a ValidationPipe says only there what is wrong. */
function messageOf(thrown: unknown): string | undefined {
  const message = read(thrown, 'message', isString);
  if (read(thrown, 'getResponse', isFunction) === undefined) return message;
  const response = read(thrown, 'response', isAnything);
  const list = read(response, 'message', Array.isArray);
  const texts = Array.from({ length: MOST_TEXTS }, (_, i) => read(list, String(i), isString));
  const told = [read(response, 'message', isString), ...texts].filter((text) => text !== undefined && text !== message);
  const details = told.join('; ');
  return details === '' ? message : message === undefined ? details : `${message}: ${details}`;
}

/** A Proxy may throw even here. */
function isA(thrown: unknown, type: abstract new (...of: never) => object): boolean {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

function describe(thrown: unknown): string {
  if (thrown === null || thrown === undefined) return String(thrown);
  return typeof thrown === 'object' ? 'an object without a message' : `a ${typeof thrown}`;
}

/** Text that PostgreSQL stores and a log line survives. */
function storable(text: string, length: number): string {
  return text
    .slice(0, 2 * length)
    .replace(/\u0000/g, '')
    .slice(0, length)
    .toWellFormed();
}

function read<T>(from: unknown, key: string, is: (value: unknown) => value is T): T | undefined {
  if ((typeof from !== 'object' && typeof from !== 'function') || from === null) return undefined;
  try {
    const value = (from as Record<string, unknown>)[key];
    return is(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isString = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isDelay = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isFunction = (value: unknown): value is object => typeof value === 'function';
const isAnything = (value: unknown): value is unknown => value != null;
