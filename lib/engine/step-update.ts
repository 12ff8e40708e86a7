import { SagaInputError } from '../errors';
import type { ReportedEvent } from '../core/event';
import { toJson, type JsonLimits } from '../core/json';
import { knownFields } from '../core/known-fields';
import type { Direction, StepFailure } from '../core/operation';
import { didYouMean } from '../core/suggestion';

export type StepUpdate =
  | { readonly status: 'completed'; readonly output?: unknown }
  | { readonly status: 'failed'; readonly error: { readonly code?: string; readonly message: string } }
  /** The undo of the step was done, by whatever means. */
  | { readonly status: 'compensated' };

/** What an update says about a step, checked. */
export interface StepWord {
  readonly status: StepUpdate['status'];
  readonly direction: Direction;
  readonly result: ReportedEvent['result'];
}

const FIELDS: Readonly<Record<StepUpdate['status'], readonly string[]>> = {
  completed: ['status', 'output'],
  failed: ['status', 'error'],
  compensated: ['status'],
};
const STATUSES = Object.keys(FIELDS);
const MESSAGE_LENGTH = 2_048;
const CODE_LENGTH = 128;

/** @throws SagaInputError: whatever is not exactly an update must not end a step */
export function readStepUpdate(update: unknown, limits: JsonLimits): StepWord {
  const { status } = knownFields(update, 'update', [...new Set(Object.values(FIELDS).flat())]);
  if (!isStatus(status)) {
    const guess = typeof status === 'string' ? didYouMean(status, STATUSES) : '';
    return refuse('/status', `must be 'completed', 'failed' or 'compensated'${guess}`);
  }
  const { output, error } = knownFields(update, `update as ${status}`, FIELDS[status]);
  switch (status) {
    case 'completed':
      return { status, direction: 'action', result: { kind: 'completed', output: toJson(output ?? null, 'update.output', limits) } };
    case 'compensated':
      return { status, direction: 'undo', result: { kind: 'completed', output: null } };
    case 'failed':
      return { status, direction: 'action', result: { kind: 'failed', error: failureOf(error) } };
  }
}

function isStatus(status: unknown): status is StepUpdate['status'] {
  return typeof status === 'string' && STATUSES.includes(status);
}

function failureOf(error: unknown): StepFailure {
  const { code = 'STEP_FAILED', message } = knownFields(error, 'update.error', ['code', 'message']);
  return { code: textOf(code, 'code', CODE_LENGTH), message: textOf(message, 'message', MESSAGE_LENGTH) };
}

function textOf(text: unknown, field: string, longest: number): string {
  if (typeof text !== 'string' || text === '') return refuse(`/error/${field}`, 'must be a text with at least one character');
  if (text.length > longest) return refuse(`/error/${field}`, `${text.length} characters are more than ${longest}`);
  toJson(text, `update.error.${field}`, { maxBytes: Infinity }); // only what PostgreSQL can store
  return text;
}

function refuse(path: string, reason: string): never {
  throw new SagaInputError('update', path, reason);
}
