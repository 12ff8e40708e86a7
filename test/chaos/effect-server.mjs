// The outside world: a participant in a process of its own, which keeps a ledger of everything it was ever asked. It behaves as the
// README asks of one: an action takes effect once per idempotency key; an undo marks the action's key, and leaves a tombstone when the
// action never came, so that one that comes late is refused. How it misbehaves otherwise is written in each request (see behaviour.mjs).
import { createServer } from 'node:http';
import { verdictOn } from './behaviour.mjs';

/** A worse participant: an undo that finds nothing leaves no mark, so an action that comes late takes effect, and only another round helps. */
const isForgetful = process.argv.includes('--forgetful');
const ledger = [];
/** By the action's key: absent, 'applied', 'undone' (nothing comes after it) or 'tombstone'. */
const effects = new Map();
const asked = new Map();
let healed = false;

/** The same clock as the database's, to compare with what is written there. */
const now = () => performance.timeOrigin + performance.now();

function record(request, kind, result) {
  const { key, actionKey, sagaId, step, attempt, pid, round, outcome, output } = request;
  ledger.push({ seq: now(), kind, result, key, actionKey, sagaId, step, attempt, pid, round, outcome, output });
  return result;
}

function act(request) {
  const before = effects.get(request.key);
  if (before === 'applied') return record(request, 'do', 'repeated');
  if (before !== undefined) return record(request, 'do', 'refused');
  effects.set(request.key, 'applied');
  return record(request, 'do', 'applied');
}

function undo(request) {
  const before = effects.get(request.actionKey);
  if (isForgetful && before === undefined) return record(request, 'undo', 'nothing');
  if (before === 'undone' || before === 'tombstone') return record(request, 'undo', 'repeated');
  const after = before === 'applied' ? 'undone' : 'tombstone';
  effects.set(request.actionKey, after);
  return record(request, 'undo', after);
}

function serve(kind, request, answer) {
  const times = (asked.get(request.key) ?? 0) + 1;
  asked.set(request.key, times);
  const verdict = verdictOn(healed && kind === 'undo' ? undefined : request.behave, times);
  const respond = () => {
    if (verdict.fails !== undefined) {
      record(request, kind, 'failed');
      return answer({ fails: verdict.fails });
    }
    const result = kind === 'do' ? act(request) : undo(request);
    return answer(verdict.loses ? null : { result });
  };
  if (verdict.slowMs > 0) setTimeout(respond, verdict.slowMs);
  else respond();
}

const server = createServer((request, response) => {
  const answer = (body) => (body === null ? response.destroy() : response.end(JSON.stringify(body)));
  const { pathname, searchParams } = new URL(request.url, 'http://effects');
  if (pathname === '/ledger') {
    const saga = searchParams.get('saga');
    return answer(saga === null ? ledger : ledger.filter(({ sagaId }) => sagaId === saga));
  }
  let body = '';
  request.setEncoding('utf8').on('data', (data) => (body += data));
  request.on('end', () => {
    if (pathname === '/heal') return answer({ healed: (healed = true) });
    return serve(pathname.slice(1), JSON.parse(body), answer);
  });
});
// Longer than any chaos: a connection that the server closes while it is idle would add faults that nobody counted.
server.keepAliveTimeout = 600_000;
process.once('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
