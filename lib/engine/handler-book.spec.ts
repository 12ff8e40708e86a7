import { describe, expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import type { HandlerDeclaration } from '../core/handler-declaration';
import { HandlerBook } from './handler-book';

const declared = (direction: HandlerDeclaration['direction'], key: string): HandlerDeclaration => {
  return { direction, key, undoes: null, policy: {} };
};

class WatchedStore extends InMemorySagaStore {
  readonly roused: (readonly string[])[] = [];

  override async rouse(keys: readonly string[]): Promise<void> {
    this.roused.push(keys);
  }
}

describe('HandlerBook', () => {
  it('wakes what waited for handlers that nobody had, when a process comes that has them', async () => {
    const store = new WatchedStore();
    const [first, second] = [[declared('action', 'a')], [declared('action', 'a'), declared('undo', 'b'), declared('verify', 'a')]].map(
      (own) => new HandlerBook(store, own, '', true),
    );
    await first?.open();
    await second?.open();
    await first?.close();
    const third = new HandlerBook(store, [declared('action', 'a')], '', true);
    await third.open();
    expect(store.roused).toEqual([['a'], ['b'], ['a']]);
    await Promise.all([second?.close(), third.close()]);
  });
});
