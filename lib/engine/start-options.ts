import { SagaInputError } from '../errors';
import { toJson } from '../core/json';
import { isRecord, knownFields } from '../core/known-fields';
import { undosAtOnceProblem } from '../core/plan';

export interface StartOptions {
  /** The same key never starts the same saga twice; with the same input the saga it started is returned. Up to 200 characters. Default: none. */
  readonly businessKey?: string;
  /** The saga turns back when it has not completed within this many milliseconds. Default: never. */
  readonly deadlineMs?: number;
  /** What becomes of the other compensations when one is given up. Default: the module's (`halt`). */
  readonly onStuck?: 'halt' | 'continue';
  /**
   * At most this many compensations of the saga at a time, 1 to 1,000; 1 is the strict reverse order of start. Default: the module's (10).
   */
  readonly undosAtOnce?: number;
  /** Seen by every handler as `ctx.saga.metadata`; no part of what makes two starts equal. Default: {}. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The caller's transaction (TypeORM: its EntityManager): the saga starts if and only if that commits. Default: one of its own. */
  readonly manager?: unknown;
}

const FIELDS = Object.keys({
  businessKey: true,
  deadlineMs: true,
  onStuck: true,
  undosAtOnce: true,
  metadata: true,
  manager: true,
} satisfies Record<keyof StartOptions, true>);
const LONGEST_KEY = 200;
/** Under such keys steps start sagas. */
export const OWN_KEY = 'nest-saga:';

/** @throws SagaInputError: an option that is overlooked can cost a caller its idempotency, or its transaction */
export function checkStartOptions(options: unknown): StartOptions {
  const { businessKey, deadlineMs, onStuck, undosAtOnce, metadata, manager } = knownFields(options, 'options', FIELDS);
  if (businessKey !== undefined) checkBusinessKey(businessKey);
  if (deadlineMs !== undefined && !(typeof deadlineMs === 'number' && Number.isFinite(deadlineMs) && deadlineMs > 0))
    refuse('/deadlineMs', 'must be a number of milliseconds above 0');
  if (onStuck !== undefined && onStuck !== 'halt' && onStuck !== 'continue') refuse('/onStuck', "must be 'halt' or 'continue'");
  const ofUndos = undosAtOnceProblem(undosAtOnce);
  if (ofUndos !== null) refuse('/undosAtOnce', ofUndos);
  if (metadata !== undefined && !isPlain(metadata)) refuse('/metadata', 'must be a plain object');
  if (manager !== undefined && !isRecord(manager))
    refuse('/manager', 'must be the EntityManager of an open transaction; leave it out to start the saga in a transaction of its own');
  return options as StartOptions;
}

/** @throws SagaInputError */
export function checkContext(context: unknown): void {
  if (context != null && typeof context !== 'object') throw new SagaInputError('context', '', 'must be an object');
}

function checkBusinessKey(key: unknown): void {
  if (typeof key !== 'string' || key === '') return refuse('/businessKey', 'must be a text with at least one character');
  if (key.startsWith(OWN_KEY)) refuse('/businessKey', `keys that begin with "${OWN_KEY}" are the engine's own`);
  if (key.length > LONGEST_KEY) refuse('/businessKey', `${key.length} characters are more than ${LONGEST_KEY}`);
  toJson(key, 'options.businessKey', { maxBytes: Infinity });
}

function isPlain(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function refuse(path: string, reason: string): never {
  throw new SagaInputError('options', path, reason);
}
