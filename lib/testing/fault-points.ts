import type { MessageTransport, Subscription } from '../ports/message-transport';
import type { ApplyRequest } from '../ports/report';
import type { SagaStore } from '../ports/saga-store';
import type { StoreDefinition } from '../ports/store-definition';
import type { TransportDefinition } from '../ports/transport-definition';

/**
 * Called at every fault point with its name: `claim.before`, `claim.after`, `apply.completed.after`, `publish.before`, `ack.after` …
 * It may end the process, wait, or throw: before a verb that keeps it from being called, after it that keeps its answer from its caller.
 */
export type FaultPoint = (name: string) => void | Promise<void>;

/**
 * The same store, with a fault point before and after every verb. An `apply` is named by its event: `apply.lease-expired.before`.
 *
 * @example
 * SagaModule.forRoot({ store: withFaultPoints(typeOrmStore(), (name) => { if (name === 'claim.after') process.kill(process.pid, 'SIGKILL'); }) })
 */
export function withFaultPoints(definition: StoreDefinition, reach: FaultPoint): StoreDefinition {
  return { ...definition, create: (environment) => watched(definition.create(environment), reach, verbOf) };
}

/** The same transport, with a fault point before and after every `publish` and every acknowledgement. */
export function withTransportFaultPoints(definition: TransportDefinition, reach: FaultPoint): TransportDefinition {
  return {
    ...definition,
    create: (environment) => {
      const transport = watched(definition.create(environment), reach, (verb) => (verb.startsWith('publish') ? verb : null));
      const consume = (subscription: Subscription): void => transport.consume(withWatchedAcks(subscription, reach));
      return new Proxy(transport, { get: (target, key) => (key === 'consume' ? consume : valueOf(target, key)) });
    },
  };
}

function verbOf(verb: string, [first]: readonly unknown[]): string {
  const [request] = verb === 'apply' ? (first as readonly ApplyRequest[]) : [];
  return request === undefined ? verb : `${verb}.${request.event.type}`;
}

function watched<T extends SagaStore | MessageTransport>(
  target: T,
  reach: FaultPoint,
  nameOf: (verb: string, args: readonly unknown[]) => string | null,
): T {
  return new Proxy(target, {
    get: (_, key) => {
      const value = valueOf(target, key);
      if (typeof value !== 'function' || typeof key !== 'string') return value;
      return (...args: readonly unknown[]): unknown => {
        const name = nameOf(key, args);
        const call = (): unknown => (value as (...args: readonly unknown[]) => unknown)(...args);
        return name === null ? call() : between(reach, name, call);
      };
    },
  });
}

async function between(reach: FaultPoint, name: string, call: () => unknown): Promise<unknown> {
  await reach(`${name}.before`);
  const result = await call();
  await reach(`${name}.after`);
  return result;
}

function withWatchedAcks(subscription: Subscription, reach: FaultPoint): Subscription {
  return {
    ...subscription,
    onDelivery: ({ wakeUp, ack }) =>
      subscription.onDelivery({
        wakeUp,
        ack: () => {
          void reach('ack.before');
          ack();
          void reach('ack.after');
        },
      }),
  };
}

/** Methods stay bound to the object they belong to: its private fields are not those of a proxy. */
function valueOf(target: object, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}
