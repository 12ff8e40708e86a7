// The handlers of every worker: `do.N` and `undo.N` do nothing but call the effect server under their idempotency keys; `do.tx` and
// `undo.tx` write into a table of the application, in the transaction of their saga, and announce that there.
// `brittle` gives its undo up after three attempts, so that there is something to be stuck.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Compensate, SagaStep, StepError } from 'nest-saga';
import { verdictOn } from './behaviour.mjs';
import { book } from './books.mjs';

export const KINDS = ['1', '2', '3', '4', 'brittle'];

const FAST = { backoff: 'fixed', baseMs: 30, maxMs: 30 };
const PATIENT = { attempts: 60, ...FAST };
const TIMEOUT_MS = 20_000;

/**
 * A provider class with all handlers. `url`: of the effect server; `schema`: of the sagas, whose name the books begin with; `announce`:
 * publishes an event in the transaction of a manager.
 */
export function handlersClass(url, schema, announce) {
  class Handlers {}
  for (const kind of KINDS) {
    define(Handlers, `do${kind}`, (input, ctx) => act(url, input, ctx), SagaStep(`do.${kind}`, { timeoutMs: TIMEOUT_MS, retry: PATIENT }));
    const retry = kind === 'brittle' ? { attempts: 3, ...FAST } : PATIENT;
    const compensate = Compensate(`undo.${kind}`, { for: `do.${kind}`, timeoutMs: TIMEOUT_MS, retry });
    define(Handlers, `undo${kind}`, (output, ctx) => undo(url, output, ctx), compensate);
  }
  const own = { transactional: true, timeoutMs: TIMEOUT_MS, retry: PATIENT };
  define(Handlers, 'doTx', (input, ctx) => actInside({ schema, announce }, input, ctx), SagaStep('do.tx', own));
  define(
    Handlers,
    'undoTx',
    (output, ctx) => undoInside({ schema, announce }, output, ctx),
    Compensate('undo.tx', { for: 'do.tx', ...own }),
  );
  return Handlers;
}

async function act(url, input, ctx) {
  const { result } = await ask(`${url}/do`, { ...about(ctx), behave: input?.do });
  // The undo was there first: the action did not happen, and that is this attempt's own word.
  if (result === 'refused') throw new StepError({ code: 'REFUSED', message: 'undone before it came', retryable: false });
  return { key: ctx.idempotencyKey, result };
}

async function undo(url, output, ctx) {
  const { actionIdempotencyKey: actionKey, outcome, round } = ctx;
  await ask(`${url}/undo`, { ...about(ctx), actionKey, outcome, round, output: output ?? null, behave: ctx.input?.undo });
}

async function actInside(own, input, ctx) {
  await inside(own, { ...about(ctx), kind: 'do', result: 'applied' }, input?.do, ctx);
  return { key: ctx.idempotencyKey };
}

async function undoInside(own, output, ctx) {
  const { actionIdempotencyKey: actionKey, outcome, round } = ctx;
  const entry = { ...about(ctx), kind: 'undo', result: 'undone', actionKey, outcome, round, output: output ?? null };
  await inside(own, entry, ctx.input?.undo, ctx);
}

/** It fails after it has written and announced: neither must be heard of. */
async function inside({ schema, announce }, what, behave, { attempt, manager }) {
  const entry = { ...what, id: randomUUID() };
  await book(manager, schema, entry);
  await announce(manager, entry);
  const { fails, slowMs, loses } = verdictOn(behave, attempt);
  if (slowMs > 0) await pause(slowMs);
  if (loses) throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  refuse(fails);
}

function about({ idempotencyKey: key, saga, step, attempt }) {
  return { key, sagaId: saga.id, step: step.name, attempt, pid: process.pid };
}

async function ask(url, body) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const answer = await response.json();
  refuse(answer.fails);
  return answer;
}

function refuse(fails) {
  if (fails === 'thrown') throw new Error('asked to fail');
  if (fails) throw new StepError({ code: 'ASKED', message: 'asked to fail', retryable: fails === 'retryable' });
}

/** A decorated method, in plain JavaScript. */
function define(type, name, method, decorator) {
  Object.defineProperty(type.prototype, name, { value: method, writable: true, configurable: true });
  decorator(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name));
}
