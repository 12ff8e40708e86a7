import { describe, expect, it } from '@jest/globals';
import { redact, secretsOf } from './redact';

describe('redact', () => {
  it('hides the credentials of any address', () => {
    expect(redact('cannot reach amqp://user:pass@host:1/v and amqps://u@h', [])).toBe('cannot reach amqp://***@host:1/v and amqps://***@h');
  });

  it('hides a password as it was written and as it was meant', () => {
    const secrets = secretsOf(['amqp://user:p%40ss-word@host']);
    expect(redact('p%40ss-word, p@ss-word', secrets)).toBe('***, ***');
  });

  it('hides the whole of what is no address', () => {
    expect(redact('Invalid URL: amqp://u:secret@h:port', secretsOf(['amqp://u:secret@h:port']))).not.toContain('secret');
  });

  it('leaves one printable line of bounded length', () => {
    expect(redact('a\n\u001b[31mb', [])).toBe('a [31mb');
    expect(redact('x'.repeat(2_000), [])).toHaveLength(500);
  });
});
