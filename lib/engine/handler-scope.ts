import { AsyncLocalStorage } from 'node:async_hooks';

const scope = new AsyncLocalStorage<true>();

/** Runs user code so that `insideHandler` is true in it and in everything it awaits. */
export function runAsHandler<T>(run: () => T): T {
  return scope.run(true, run);
}

/** Runs what it is given in the async context in which this was called, whoever calls it then. */
export function outsideOfCallers(): <T>(run: () => T) => T {
  return AsyncLocalStorage.snapshot();
}

export function insideHandler(): boolean {
  return scope.getStore() === true;
}
