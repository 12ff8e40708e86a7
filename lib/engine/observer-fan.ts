import type { SagaObserver, SagaSignal } from '../ports/saga-observer';

/** Tells several observers. One that throws harms neither the others nor the saga. */
export class ObserverFan implements SagaObserver {
  constructor(private readonly observers: readonly SagaObserver[]) {}

  notify(signal: SagaSignal): void {
    for (const observer of this.observers) {
      try {
        observer.notify(signal);
      } catch {
        // an observer has no say in what happens
      }
    }
  }
}
