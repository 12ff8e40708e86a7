import { AsyncLocalStorage } from 'node:async_hooks';

const scope = new AsyncLocalStorage<true>();

/** Runs user code so that `insideHandler` is true in it and in everything it awaits. */
export function runAsHandler<T>(run: () => T): T {
  return scope.run(true, run);
}

export function insideHandler(): boolean {
  return scope.getStore() === true;
}
