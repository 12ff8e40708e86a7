import { describe, expect, it } from '@jest/globals';
import { StepError, UnknownOutcomeError } from '../errors';
import { isFinalWord, verdictOn } from './thrown';

const withCode = (code: string, message = code): Error => Object.assign(new Error(message), { code });
const named = (name: string): Error => Object.assign(new Error(name), { name });

function hostile(): object {
  const refuse = (): never => {
    throw new Error('hands off');
  };
  return new Proxy(
    {},
    { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse, set: refuse, apply: refuse },
  );
}

describe('anything can be thrown', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'no stock', 'no stock'],
    ['null', null, 'the handler threw null'],
    ['undefined', undefined, 'the handler threw undefined'],
    ['a symbol', Symbol('s'), 'the handler threw a symbol'],
    ['a BigInt', 1n, 'the handler threw a bigint'],
    ['a number', 42, 'the handler threw a number'],
    ['an object without a message', {}, 'the handler threw an object without a message'],
    ['an object whose message is no text', { message: { en: 'no' } }, 'the handler threw an object without a message'],
    ['an error without a message', new Error(''), 'the handler threw an object without a message'],
  ])('%s', (_what, thrown, message) => {
    expect(verdictOn(thrown)).toMatchObject({ error: { message }, outcome: 'failed', retryable: undefined, retryAfterMs: undefined });
    expect(isFinalWord(thrown)).toBe(false);
  });

  it('an object whose getters throw', () => {
    const thrown = {
      get message(): string {
        throw new Error('1');
      },
      get code(): string {
        throw new Error('2');
      },
      get cause(): unknown {
        throw new Error('3');
      },
    };
    expect(verdictOn(thrown)).toMatchObject({ outcome: 'failed', error: { code: 'STEP_FAILED' } });
  });

  it('a Proxy that throws at every look', () => {
    expect(verdictOn(hostile())).toMatchObject({ outcome: 'failed', error: { code: 'STEP_FAILED' } });
    expect(isFinalWord(hostile())).toBe(false);
  });

  it('an error whose cause throws at every look', () => {
    expect(verdictOn(new Error('outer', { cause: hostile() }))).toMatchObject({ outcome: 'failed', error: { message: 'outer' } });
  });

  it('a revoked Proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(verdictOn(proxy)).toMatchObject({ outcome: 'failed' });
  });

  it('an error that is its own cause', () => {
    const thrown: Error = new Error('round and round');
    thrown.cause = thrown;
    expect(verdictOn(thrown)).toMatchObject({ outcome: 'failed', error: { message: 'round and round' } });
  });
});

describe('what is stored of it', () => {
  it('has the code of the error, else its name', () => {
    expect(verdictOn(withCode('E_STOCK', 'none left')).error).toEqual({ code: 'E_STOCK', message: 'none left' });
    expect(verdictOn(new RangeError('too far')).error.code).toBe('RangeError');
  });

  it('has no NUL', () => {
    expect(verdictOn(withCode('E\u0000', 'a\u0000b')).error).toEqual({ code: 'E', message: 'ab' });
  });

  it('is cut, however long the message is', () => {
    expect(verdictOn(withCode('c'.repeat(10_000), 'm'.repeat(10_000_000))).error).toEqual({
      code: 'c'.repeat(128),
      message: 'm'.repeat(2_048),
    });
  });

  it('has no half of a surrogate pair, also where it was cut', () => {
    const { code, message } = verdictOn(withCode(`${'c'.repeat(127)}😀`, `\ud83d${'m'.repeat(2_046)}😀`)).error;
    expect(message.isWellFormed()).toBe(true);
    expect(code.isWellFormed()).toBe(true);
  });

  it('has no stack', () => {
    expect(Object.keys(verdictOn(new Error('x')).error)).toEqual(['code', 'message']);
  });
});

describe('the outcome is unknown', () => {
  it.each(['ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ESOCKETTIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])(
    'after %s',
    (code) => {
      expect(verdictOn(withCode(code)).outcome).toBe('unknown');
    },
  );

  it.each(['AbortError', 'TimeoutError', 'HeadersTimeoutError', 'BodyTimeoutError'])('after an %s', (name) => {
    expect(verdictOn(named(name)).outcome).toBe('unknown');
  });

  it('after a DOMException of an aborted or timed out fetch', () => {
    expect(verdictOn(new DOMException('aborted', 'AbortError')).outcome).toBe('unknown');
    expect(verdictOn(new DOMException('late', 'TimeoutError')).outcome).toBe('unknown');
  });

  it.each([408, 502, 504])('after HTTP %i, carried as status or statusCode', (status) => {
    expect(verdictOn(Object.assign(new Error(), { status })).outcome).toBe('unknown');
    expect(verdictOn(Object.assign(new Error(), { statusCode: status })).outcome).toBe('unknown');
  });

  it('when the socket closed under fetch', () => {
    expect(verdictOn(new TypeError('fetch failed', { cause: withCode('UND_ERR_SOCKET') })).outcome).toBe('unknown');
  });

  it('when the reason lies three causes deep', () => {
    const thrown = new Error('1', { cause: new Error('2', { cause: new Error('3', { cause: withCode('ECONNRESET') }) }) });
    expect(verdictOn(thrown).outcome).toBe('unknown');
  });

  it('when the handler says so', () => {
    expect(verdictOn(new UnknownOutcomeError('the bank did not answer'))).toMatchObject({
      outcome: 'unknown',
      error: { code: 'SAGA_UNKNOWN_OUTCOME', message: 'the bank did not answer' },
    });
  });

  it('when the handler says so through another copy of the package', () => {
    expect(verdictOn(Object.assign(new Error('the bank did not answer'), { name: 'UnknownOutcomeError' })).outcome).toBe('unknown');
  });
});

describe('the outcome is failed', () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT'])('after %s: nothing was sent', (code) => {
    expect(verdictOn(withCode(code)).outcome).toBe('failed');
    expect(verdictOn(new TypeError('fetch failed', { cause: withCode(code) })).outcome).toBe('failed');
  });

  it.each([400, 404, 409, 422, 429, 500, 503])('after HTTP %i', (status) => {
    expect(verdictOn(Object.assign(new Error(), { status })).outcome).toBe('failed');
  });

  it('after any other error', () => {
    expect(verdictOn(new TypeError('x is not a function')).outcome).toBe('failed');
  });
});

describe('a StepError', () => {
  it('always decides, whatever is in it', () => {
    const thrown = new StepError({ code: 'ETIMEDOUT', message: 'declined', cause: named('AbortError') });
    expect(verdictOn(thrown)).toEqual({
      error: { code: 'ETIMEDOUT', message: 'declined' },
      outcome: 'failed',
      retryable: undefined,
      retryAfterMs: undefined,
    });
  });

  it('says whether and when to try again', () => {
    expect(verdictOn(new StepError({ message: 'busy', retryable: true, retryAfterMs: 5_000 }))).toMatchObject({
      retryable: true,
      retryAfterMs: 5_000,
    });
    expect(verdictOn(new StepError({ message: 'never', retryable: false }))).toMatchObject({ retryable: false });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, '5' as unknown as number])('is not heard about a delay of %p', (retryAfterMs) => {
    expect(verdictOn(new StepError({ message: 'busy', retryable: true, retryAfterMs })).retryAfterMs).toBeUndefined();
  });

  it('is the final word only when it forbids another attempt', () => {
    expect(isFinalWord(new StepError({ message: 'declined', retryable: false }))).toBe(true);
    expect(isFinalWord(new StepError({ message: 'declined' }))).toBe(false);
    expect(isFinalWord(Object.assign(new Error('no'), { retryable: false }))).toBe(false);
  });

  it('of another copy of the package decides as well', () => {
    const other = Object.assign(named('StepError'), { code: 'ECONNRESET', retryable: false });
    expect(verdictOn(other)).toMatchObject({ outcome: 'failed', retryable: false });
    expect(isFinalWord(other)).toBe(true);
  });
});

describe('an error that says nothing about the effect', () => {
  const http = (status: number) =>
    Object.assign(new Error('refused'), { status, getStatus: () => status, getResponse: () => ({}), response: {} });

  it('means what onThrow says', () => {
    for (const thrown of [new Error('no'), 'no', null, undefined, hostile(), http(500), Object.assign(new Error('no'), { status: 409 })]) {
      expect(verdictOn(thrown, 'unknown').outcome).toBe('unknown');
      expect(verdictOn(thrown, 'failed').outcome).toBe('failed');
    }
  });

  it('is not a StepError, a connection that was refused, or a refusal in the words of Nest, as guards and pipes throw', () => {
    const refused = new Error('fetch failed', { cause: withCode('ECONNREFUSED') });
    for (const thrown of [new StepError({ message: 'no' }), withCode('ENOTFOUND'), refused, http(400), http(403)])
      expect(verdictOn(thrown, 'unknown').outcome).toBe('failed');
  });

  it('is not one that says by itself that the outcome is unknown', () => {
    for (const thrown of [withCode('ECONNRESET'), new UnknownOutcomeError('no answer'), http(408)])
      expect(verdictOn(thrown, 'failed').outcome).toBe('unknown');
  });
});
