import { describe, expect, it } from '@jest/globals';
import { ConfirmWindow } from './confirm-window';
import type { RawConfirmChannel, RawMessage } from './raw-channel';

/** Confirms nothing by itself. */
class ScriptedChannel {
  readonly confirms: ((error: unknown) => void)[] = [];
  onReturn: (message: RawMessage) => void = () => undefined;

  on(event: string, listener: (message: RawMessage) => void): void {
    if (event === 'return') this.onReturn = listener;
  }

  publish(_exchange: string, key: string, _body: Buffer, _properties: object, onConfirm: (error: unknown) => void): boolean {
    // What amqplib 0.10 does: it remembers the callback, and then throws.
    this.confirms.push(onConfirm);
    if (key === 'bad') throw new TypeError('cannot be encoded');
    return true;
  }
}

function given() {
  const channel = new ScriptedChannel();
  const window = new ConfirmWindow(channel as unknown as RawConfirmChannel);
  const results: Record<string, string> = {};
  const send = (tag: string, routingKey = 'good'): void => {
    window.send(tag, { exchange: 'sagas', routingKey, body: Buffer.from(''), mandatory: true }, (result) => (results[tag] = result));
  };
  return { channel, window, results, send };
}

describe('ConfirmWindow', () => {
  it('takes a return before the confirm for unroutable', () => {
    const { channel, results, send } = given();
    send('a');
    send('b');
    channel.onReturn({ content: Buffer.from(''), properties: { messageId: 'a' } });
    for (const confirm of channel.confirms) confirm(null);
    expect(results).toEqual({ a: 'unroutable', b: 'sent' });
  });

  it('takes a refusal of the broker for unavailable', () => {
    const { channel, results, send } = given();
    send('a');
    channel.confirms[0]?.(new Error('message nacked'));
    expect(results).toEqual({ a: 'unavailable' });
  });

  it('settles everything when it is abandoned, and hears nothing that comes after', () => {
    const { channel, window, results, send } = given();
    send('a');
    expect(() => send('b', 'bad')).toThrow('cannot be encoded');
    window.abandon();
    for (const confirm of channel.confirms) confirm(null);
    channel.onReturn({ content: Buffer.from(''), properties: { messageId: 'a' } });
    expect(results).toEqual({ a: 'unavailable', b: 'unavailable' });
    expect(window.size).toBe(0);
  });

  it('tells a broker that stopped confirming from one lost confirm', () => {
    const { channel, window, results, send } = given();
    send('a');
    send('b');
    channel.confirms[1]?.(null);
    expect(window.expire(['a', 'b'])).toBe(false);
    expect(results).toEqual({ a: 'unavailable', b: 'sent' });
    send('c');
    expect(window.expire(['c'])).toBe(true);
  });

  it('tells two messages with the same id apart', () => {
    const { channel, window } = given();
    const results: string[] = [];
    const message = { exchange: 'events', routingKey: 'good', body: Buffer.from(''), mandatory: false, messageId: 'same' };
    for (const tag of ['a', 'b']) window.send(tag, message, (result) => results.push(`${tag} ${result}`));
    channel.confirms[1]?.(new Error('message nacked'));
    channel.confirms[0]?.(null);
    expect(results).toEqual(['b unavailable', 'a sent']);
  });

  it('says when nothing is under way any more', async () => {
    const { channel, window, send } = given();
    await window.empty();
    send('a');
    const empty = window.empty();
    channel.confirms[0]?.(null);
    await empty;
  });
});
