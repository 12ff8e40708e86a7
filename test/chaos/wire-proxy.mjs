// A wire between one worker and one service that understands where a message ends, so that a fault can be placed exactly before or
// after one. All wires of a worker report to its tap, which numbers the messages and says what becomes of each.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describeFrame, FrameSplitter } from './wire-frames.mjs';

/**
 * Numbers the messages of one worker over all its wires. `rule(message)` answers what becomes of one: 'pass' (or nothing), 'drop',
 * 'cut-before', 'cut-after' (its connection is reset), 'kill-before', 'kill-after' (the worker is killed).
 */
export class Tap {
  count = 0;
  isDead = false;
  #wires = new Set();

  constructor({ rule = () => 'pass', kill = () => undefined } = {}) {
    this.rule = rule;
    this.onKill = kill;
  }

  add(wire) {
    this.#wires.add(wire);
  }

  see(protocol, way, connection, frame) {
    const number = ++this.count;
    return this.rule({ number, protocol, way, connection, frame, describe: () => describeFrame(protocol, way, frame) }) ?? 'pass';
  }

  /** Nothing that comes later is forwarded: a dead process sends nothing, and a dead one hears nothing. */
  stop() {
    this.isDead = true;
  }

  kill() {
    this.stop();
    this.onKill();
    for (const wire of this.#wires) wire.hangUp();
  }

  async close() {
    this.stop();
    await Promise.all([...this.#wires].map((wire) => wire.close()));
  }
}

export class Wire {
  #server;
  #target;
  #connections = new Set();
  #number = 0;
  /** What is new is refused. */
  isRefusing = false;
  #isHeld = false;
  #delayMs = 0;

  /** @param {{ protocol: 'pg' | 'amqp' | 'http', url: string, tap: Tap }} options `url`: of the service behind this wire */
  constructor({ protocol, url, tap }) {
    this.protocol = protocol;
    this.tap = tap;
    this.#target = new URL(url);
    tap.add(this);
  }

  /** @returns the address of the service by way of this wire */
  async open() {
    this.#server = createServer({ noDelay: true }, (client) => this.#join(client));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String(this.#server.address().port);
    return url.href.replace(/\/$/, '');
  }

  /** Connections stay and nothing travels, until `release`: like a cable that is out, what was sent meanwhile arrives then. */
  hold() {
    this.#isHeld = true;
  }

  release() {
    this.#isHeld = false;
    for (const connection of this.#connections) connection.flush();
  }

  delay(ms) {
    this.#delayMs = ms;
  }

  reset() {
    for (const connection of this.#connections) connection.reset();
  }

  /** The worker is gone: the service sees the end of what was sent, as if the kernel of a killed process had closed it. */
  hangUp() {
    for (const connection of this.#connections) connection.hangUp();
  }

  async close() {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    this.reset();
    await once(server, 'close');
  }

  get pauses() {
    return { isHeld: this.#isHeld, delayMs: this.#delayMs };
  }

  #join(client) {
    if (this.isRefusing || this.tap.isDead) return void client.resetAndDestroy();
    const upstream = connect({ port: Number(this.#target.port), host: this.#target.hostname, noDelay: true });
    const connection = new Connection(this, ++this.#number, client, upstream);
    this.#connections.add(connection);
    client.once('close', () => this.#connections.delete(connection));
  }
}

class Connection {
  #wire;
  #number;
  #client;
  #upstream;
  #isOver = false;
  /** What waits, in order: [when, deliver]. */
  #waiting = [];
  #timer;

  constructor(wire, number, client, upstream) {
    this.#wire = wire;
    this.#number = number;
    this.#client = client;
    this.#upstream = upstream;
    this.#forward('c2s', client, upstream);
    this.#forward('s2c', upstream, client);
  }

  #forward(way, from, to) {
    const splitter = new FrameSplitter(this.#wire.protocol, way);
    from.on('data', (chunk) => {
      if (this.#isOver || this.#wire.tap.isDead) return;
      to.cork();
      for (const frame of splitter.push(chunk)) this.#meet(way, frame, to);
      to.uncork();
    });
    from.on('error', () => undefined);
    from.on('end', () => this.#later(() => to.end()));
    from.on('close', () => to.destroySoon());
  }

  #meet(way, frame, to) {
    const { tap, protocol } = this.#wire;
    if (this.#isOver || tap.isDead) return;
    const verdict = tap.see(protocol, way, this.#number, frame);
    switch (verdict) {
      case 'pass':
        return this.#later(() => to.write(frame));
      case 'drop':
        return;
      case 'cut-before':
        return this.reset();
      case 'cut-after':
        this.#isOver = true;
        to.write(frame, () => this.#cutAfter(way));
        return;
      case 'kill-before':
        return tap.kill();
      case 'kill-after':
        tap.stop();
        to.write(frame, () => tap.kill());
        return;
      default:
        throw new Error(`no such verdict: ${verdict}`);
    }
  }

  /** In order, behind whatever is held or delayed. */
  #later(deliver) {
    const { isHeld, delayMs } = this.#wire.pauses;
    if (!isHeld && delayMs === 0 && this.#waiting.length === 0) return void deliver();
    this.#waiting.push([performance.now() + delayMs, deliver]);
    this.flush();
  }

  flush() {
    clearTimeout(this.#timer);
    while (this.#waiting.length > 0 && !this.#wire.pauses.isHeld) {
      const [[at, deliver]] = this.#waiting;
      const inMs = at - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(() => this.flush(), inMs);
        return;
      }
      this.#waiting.shift();
      deliver();
    }
  }

  /** The message arrived, and its answer never does. */
  #cutAfter(way) {
    this.#client.resetAndDestroy();
    if (way === 'c2s') this.#upstream.end();
    else this.#upstream.destroy();
  }

  hangUp() {
    this.#isOver = true;
    this.#client.destroy();
    this.#upstream.end();
  }

  reset() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#client.resetAndDestroy();
    this.#upstream.destroy();
  }
}
