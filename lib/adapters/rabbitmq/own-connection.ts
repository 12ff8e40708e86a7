import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { hostname } from 'node:os';
import type { LinkSource } from './broker-link';
import { loadGolevelup } from './golevelup.loader';

export interface OwnConnectionOptions {
  readonly uris: readonly string[];
  readonly connectionName: string;
  readonly heartbeatSeconds: number;
}

/** A connection that only this transport uses. */
export function ownConnection(purpose: 'publish' | 'consume', options: OwnConnectionOptions): LinkSource {
  let abort = new AbortController();
  const { AmqpConnection } = loadGolevelup();
  const socketOptions = {
    clientProperties: { connection_name: `${options.connectionName}:${purpose}@${hostname()}:${process.pid}` },
    timeout: 10_000,
    // Handed on to the socket: the only way to end one that is still connecting, or whose peer is silent. A fresh one for each
    // attempt, because Node leaves a listener on the signal of every attempt that failed.
    get signal(): AbortSignal {
      abort = new AbortController();
      return abort.signal;
    },
  };
  return {
    name: `${purpose} connection`,
    connect: () => {
      const amqp = new AmqpConnection({
        uri: [...options.uris],
        name: `${options.connectionName}:${purpose}`,
        registerHandlers: false,
        enableDirectReplyTo: false,
        // Its `wait` would hold up the boot of the application while the broker is down.
        connectionInitOptions: { wait: false, reject: false },
        connectionManagerOptions: {
          heartbeatIntervalInSeconds: options.heartbeatSeconds,
          reconnectTimeInSeconds: 2,
          connectionOptions: socketOptions,
        },
        // It logs stack traces of whatever the broker said; what matters is reported by the link, without credentials.
        logger: SILENT,
      });
      // Settles when golevelup's own channel is there or failed, and nobody here uses that one.
      amqp.init().catch(() => undefined);
      return amqp;
    },
    end: ({ managedConnection }) => {
      // A failed attempt waits this long before it notices that nobody wants another.
      managedConnection.reconnectTimeInSeconds = 0;
      const closed = managedConnection.close();
      if (!managedConnection.isConnected()) abort.abort();
      return closed;
    },
    destroy: () => abort.abort(),
  };
}

/** A connection of the application, for both purposes. It stays the application's. */
export function borrowedConnection(connection: AmqpConnection): LinkSource {
  return { name: 'the application’s connection', connect: () => connection };
}

const SILENT = { log: () => undefined, error: () => undefined, warn: () => undefined };
