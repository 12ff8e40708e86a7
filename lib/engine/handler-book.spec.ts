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

  it('warns once of a handler that a saga names and nobody has had for seven days', async () => {
    let now = 0;
    const store = new InMemorySagaStore(() => now);
    await store.writeHandlers('gone', [declared('action', 'old'), declared('undo', 'old.undo')]);
    await store.writeHandlers('here', [declared('action', 'new')]);
    const warnings: string[] = [];
    now = 7 * 24 * 3_600_000;
    await store.writeHandlers('here', [declared('action', 'new')]);
    const book = new HandlerBook(store, [], '', false, (message) => warnings.push(message));
    await book.open();
    for (let times = 0; times < 2; times++) await book.catalogWith(['old', 'new'], ['old.undo']);
    expect(warnings).toEqual([
      expect.stringContaining("@SagaStep('old'), which no process has had for 7 days"),
      expect.stringContaining("@Compensate('old.undo')"),
    ]);
    await book.close();
  });
});
