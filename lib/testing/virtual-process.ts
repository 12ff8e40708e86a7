import type { MessageTransport, Subscription } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import type { VirtualTime } from './virtual-time';

const NEVER = new Promise<never>(() => undefined);

const ANSWERS_AT_ONCE: readonly (string | symbol)[] = ['status', 'consume'] satisfies (keyof MessageTransport)[];

/** One life of an engine. When it dies nothing of it reaches the world any more, and nothing reaches it. */
export class VirtualProcess {
  isAlive = true;
  /** Resolves when it has died. */
  readonly death: Promise<void>;
  private readonly died: () => void;
  readonly store: SagaStore;
  readonly transport: MessageTransport;
  readonly scheduler: Scheduler;
  readonly observer: SagaObserver;

  constructor(
    private readonly time: VirtualTime,
    store: SagaStore,
    private readonly ownTransport: MessageTransport,
    observer: SagaObserver,
    private readonly moved: () => void,
  ) {
    let died = (): void => undefined;
    this.death = new Promise((resolve) => (died = resolve));
    this.died = died;
    this.scheduler = time.scheduler();
    this.store = this.cutOffAtDeath(store);
    this.transport = this.deafAtDeath(this.cutOffAtDeath(ownTransport));
    this.observer = { notify: (signal) => this.isAlive && observer.notify(signal) };
  }

  /** As by a kill: what it has not said yet it will not say. What its broker has of it comes back. */
  die(): void {
    this.isAlive = false;
    this.died();
    this.time.forget(this.scheduler);
    void this.ownTransport.close();
  }

  private cutOffAtDeath<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (ANSWERS_AT_ONCE.includes(key)) return value.bind(target) as unknown;
        return (...args: readonly unknown[]): unknown => {
          this.moved();
          if (!this.isAlive) return NEVER;
          const result: unknown = Reflect.apply(value, target, args);
          return result instanceof Promise ? this.unlessDead(result) : result;
        };
      },
    });
  }

  private async unlessDead(result: Promise<unknown>): Promise<unknown> {
    const value = await result;
    this.moved();
    return this.isAlive ? value : NEVER;
  }

  private deafAtDeath(transport: MessageTransport): MessageTransport {
    const consume = (subscription: Subscription): void =>
      transport.consume({
        ...subscription,
        onDelivery: (delivery) => {
          this.moved();
          if (this.isAlive) subscription.onDelivery(delivery);
        },
      });
    return new Proxy(transport, { get: (target, key) => (key === 'consume' ? consume : Reflect.get(target, key, target)) as unknown });
  }
}
