// The handlers of every worker: `do.N` and `undo.N` do nothing but call the effect server under their idempotency keys.
// `brittle` gives its undo up after three attempts, so that there is something to be stuck.
import { Compensate, SagaStep, StepError } from 'nest-saga';

export const KINDS = ['1', '2', '3', '4', 'brittle'];

const FAST = { backoff: 'fixed', baseMs: 30, maxMs: 30 };
const PATIENT = { attempts: 60, ...FAST };
const TIMEOUT_MS = 20_000;

/** A provider class with all handlers. `url`: of the effect server. */
export function handlersClass(url) {
  class Handlers {}
  for (const kind of KINDS) {
    define(Handlers, `do${kind}`, (input, ctx) => act(url, input, ctx), SagaStep(`do.${kind}`, { timeoutMs: TIMEOUT_MS, retry: PATIENT }));
    const retry = kind === 'brittle' ? { attempts: 3, ...FAST } : PATIENT;
    const compensate = Compensate(`undo.${kind}`, { for: `do.${kind}`, timeoutMs: TIMEOUT_MS, retry });
    define(Handlers, `undo${kind}`, (output, ctx) => undo(url, output, ctx), compensate);
  }
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

function about({ idempotencyKey: key, saga, step, attempt }) {
  return { key, sagaId: saga.id, step: step.name, attempt, pid: process.pid };
}

async function ask(url, body) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const answer = await response.json();
  if (answer.fails === 'thrown') throw new Error('asked to fail');
  if (answer.fails) throw new StepError({ code: 'ASKED', message: 'asked to fail', retryable: answer.fails === 'retryable' });
  return answer;
}

/** A decorated method, in plain JavaScript. */
function define(type, name, method, decorator) {
  Object.defineProperty(type.prototype, name, { value: method, writable: true, configurable: true });
  decorator(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name));
}
