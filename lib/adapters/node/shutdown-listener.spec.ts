import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { ShutdownListener, type SignalSource } from './shutdown-listener';

/** A process to which signals are sent without ending this one. */
class Source extends EventEmitter {
  readonly pid = 42;
  readonly sent: [number, string | number | undefined][] = [];

  kill(pid: number, signal?: string | number): true {
    this.sent.push([pid, signal]);
    return true;
  }
}

function listening(source: Source): { readonly listener: ShutdownListener; readonly told: string[] } {
  const told: string[] = [];
  const listener = new ShutdownListener(source as unknown as SignalSource);
  listener.listen(() => told.push('told'));
  return { listener, told };
}

describe('the shutdown listener', () => {
  it.each(['SIGTERM', 'SIGINT'])('tells of %s at once, and once', (signal) => {
    const source = new Source();
    source.on(signal, () => undefined);
    const { told } = listening(source);
    source.emit(signal, signal);
    source.emit(signal, signal);
    expect(told).toEqual(['told']);
  });

  it('leaves what the signal does to others who listen', () => {
    const source = new Source();
    source.on('SIGTERM', () => undefined);
    listening(source);
    source.emit('SIGTERM', 'SIGTERM');
    expect(source.sent).toEqual([]);
    expect(source.listenerCount('SIGTERM')).toBe(1);
  });

  it('takes a listener that hears one signal only for the application all the same', () => {
    const source = new Source();
    const heard: string[] = [];
    source.once('SIGTERM', () => heard.push('the application'));
    const { told } = listening(source);
    source.emit('SIGTERM', 'SIGTERM');
    expect([heard, told]).toEqual([['the application'], ['told']]);
    expect(source.sent).toEqual([]);
  });

  it('is out of the way of those that end the process when nobody but them listens', () => {
    const source = new Source();
    let others = -1;
    source.on('SIGTERM', () => (others = source.listenerCount('SIGTERM') - 1));
    listening(source);
    source.emit('SIGTERM', 'SIGTERM');
    expect(others).toBe(0);
  });

  it('does not save a process to which nobody else listens from its signal', () => {
    const source = new Source();
    const { told } = listening(source);
    source.emit('SIGTERM', 'SIGTERM');
    expect(told).toEqual(['told']);
    expect(source.listenerCount('SIGTERM')).toBe(0);
    expect(source.sent).toEqual([[42, 'SIGTERM']]);
  });

  it('does not take another one of its kind for the application', () => {
    const source = new Source();
    const [first, second] = [listening(source), listening(source)];
    source.emit('SIGINT', 'SIGINT');
    expect([first.told, second.told]).toEqual([['told'], ['told']]);
    expect(source.listenerCount('SIGINT')).toBe(0);
    expect(source.sent).toEqual([[42, 'SIGINT']]);
  });

  it('leaves nothing behind when it is closed', () => {
    const source = new Source();
    const { listener, told } = listening(source);
    listener.close();
    listener.close();
    expect([source.listenerCount('SIGTERM'), source.listenerCount('SIGINT')]).toEqual([0, 0]);
    source.emit('SIGTERM', 'SIGTERM');
    expect(told).toEqual([]);
  });
});
