// Tells when a broker takes connections: its port may be open before it can answer.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
const METHOD_FRAME = 1;

/** Resolves to true once `probe` succeeds, to false when `child` ends or the time is over. */
export async function untilTrue(probe, child, withinMs) {
  const deadline = Date.now() + withinMs;
  let ended = false;
  void child.exited.then(() => (ended = true));
  while (!ended && Date.now() < deadline) {
    if ((await probe()) && !ended) return true;
    await pause(20);
  }
  return false;
}

/** A broker answers the protocol header with `connection.start`. */
export const answersAmqp = (port) => exchange(port, PROTOCOL_HEADER, (first) => first[0] === METHOD_FRAME);

export const acceptsTcp = (port) => exchange(port);

function exchange(port, greeting, isAnswer) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('connect', () => (greeting ? socket.write(greeting) : end(true)));
    socket.once('data', (first) => end(isAnswer?.(first) ?? true));
  });
}
