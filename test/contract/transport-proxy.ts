import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A wire in front of the broker that can be cut, plugged out and made to swallow everything. */
export class Proxy {
  #server: Server | undefined;
  #port = 0;
  #isBlackhole = false;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  constructor(private readonly target: URL) {}

  static for(uri: string): Proxy {
    return new Proxy(new URL(uri));
  }

  get connections(): number {
    return this.#pairs.size;
  }

  get port(): number {
    return this.#port;
  }

  /** The address of the broker behind this wire. */
  uri(userInfo = `${this.target.username}:${this.target.password}`): string {
    return `amqp://${userInfo}@127.0.0.1:${this.#port}${this.target.pathname}`;
  }

  /** Takes a port, once, without answering on it. */
  async reserve(): Promise<this> {
    await this.plugIn();
    await this.plugOut();
    return this;
  }

  async plugIn(): Promise<void> {
    const server = createServer((client) => this.#pipe(client));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Refuses new connections and cuts those there are. */
  async plugOut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    this.cut();
    if (server !== undefined) await once(server, 'close');
  }

  cut(): void {
    for (const [client, upstream] of this.#pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }

  /** Keeps connections and swallows what is sent on them, in both directions. */
  blackhole(): void {
    this.#isBlackhole = true;
  }

  pass(): void {
    this.#isBlackhole = false;
  }

  #pipe(client: Socket): void {
    const upstream = connect(Number(this.target.port || 5672), this.target.hostname);
    const pair = [client, upstream] as const;
    this.#pairs.add(pair);
    const forward = (from: Socket, to: Socket): void => {
      from.on('data', (data) => this.#isBlackhole || to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.end();
      });
    };
    forward(client, upstream);
    forward(upstream, client);
  }
}
