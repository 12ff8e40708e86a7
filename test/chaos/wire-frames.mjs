// Cuts a byte stream into the messages of its protocol and says what they are. A message is what can be lost on its own:
//   pg    type byte and int32 length (the first of a client has no type)
//   amqp  type, channel, size, payload, end byte (the first of a client is the eight-byte header)
//   http  whatever one read brings: requests and answers are small, and come one at a time on a connection

const AMQP_METHODS = {
  '10.10': 'connection.start',
  10.11: 'connection.start-ok',
  '10.30': 'connection.tune',
  10.31: 'connection.tune-ok',
  '10.40': 'connection.open',
  10.41: 'connection.open-ok',
  '10.50': 'connection.close',
  10.51: 'connection.close-ok',
  '20.10': 'channel.open',
  20.11: 'channel.open-ok',
  '40.10': 'exchange.declare',
  40.11: 'exchange.declare-ok',
  '50.10': 'queue.declare',
  50.11: 'queue.declare-ok',
  '50.20': 'queue.bind',
  50.21: 'queue.bind-ok',
  '60.10': 'basic.qos',
  60.11: 'basic.qos-ok',
  '60.20': 'basic.consume',
  60.21: 'basic.consume-ok',
  '60.40': 'basic.publish',
  '60.50': 'basic.return',
  '60.60': 'basic.deliver',
  '60.80': 'basic.ack',
  '85.10': 'confirm.select',
  85.11: 'confirm.select-ok',
};
const AMQP_FRAMES = { 2: 'content header', 3: 'content body', 8: 'heartbeat' };

export class FrameSplitter {
  #rest = Buffer.alloc(0);
  #isFirst = true;

  constructor(protocol, way) {
    this.protocol = protocol;
    this.way = way;
  }

  /** The messages that are complete now. */
  push(chunk) {
    if (this.protocol === 'http') return [chunk];
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames = [];
    for (let size = this.#sizeOf(rest); size > 0 && size <= rest.length; size = this.#sizeOf(rest)) {
      frames.push(rest.subarray(0, size));
      rest = rest.subarray(size);
      this.#isFirst = false;
    }
    this.#rest = rest;
    return frames;
  }

  /** 0: not known yet. */
  #sizeOf(bytes) {
    const greets = this.#isFirst && this.way === 'c2s';
    if (this.protocol === 'pg') {
      if (greets) return bytes.length < 4 ? 0 : bytes.readInt32BE(0);
      return bytes.length < 5 ? 0 : 1 + bytes.readInt32BE(1);
    }
    if (greets) return 8;
    return bytes.length < 7 ? 0 : 8 + bytes.readUInt32BE(3);
  }
}

/** In a few words, for the log of a test. */
export function describeFrame(protocol, way, frame) {
  if (protocol === 'pg') return `pg ${way} ${describePg(frame)}`;
  if (protocol === 'amqp') return `amqp ${way} ${amqpName(frame)}`;
  return `http ${way} ${frame.toString('latin1', 0, 12).split('\r')[0]}`;
}

export function amqpName(frame) {
  if (frame[0] === 65) return 'protocol header';
  if (frame[0] !== 1) return AMQP_FRAMES[frame[0]] ?? `frame ${frame[0]}`;
  const method = `${frame.readUInt16BE(7)}.${frame.readUInt16BE(9)}`;
  return AMQP_METHODS[method] ?? method;
}

function describePg(frame) {
  const type = String.fromCharCode(frame[0]);
  if (type === '\0') return 'startup';
  const texts = () => frame.toString('latin1', 5, 120).split('\0');
  if (type === 'P' || type === 'B') return `${type} ${texts().slice(0, 2).join(' ').replace(/\s+/g, ' ').trim().slice(0, 50)}`;
  if (type === 'Q' || type === 'C') return `${type} ${(texts()[0] ?? '').replace(/\s+/g, ' ').trim().slice(0, 50)}`;
  return type;
}
