import { SagaError } from '../../errors';

/**
 * Thrown when PostgreSQL refuses a statement or cannot be reached. Carries the SQLSTATE and the message; never parameters, the
 * statement, or the row that the driver's own error repeats, because errors end up in logs.
 */
export class SagaDatabaseError extends SagaError {
  readonly code = 'SAGA_DATABASE';

  constructor(
    /** Five characters of SQLSTATE, or a Node.js code such as `ECONNREFUSED`; null when neither is known. */
    readonly sqlState: string | null,
    message: string,
  ) {
    super(sqlState === null ? message : `${message} (${sqlState})`);
  }
}

/** Anything that a driver throws, fit to be logged and stored. Errors of this package stay as they are. */
export function redacted(error: unknown): Error {
  if (error instanceof SagaError) return error;
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: unknown };
  const sqlState = typeof code === 'string' ? code : null;
  // Connecting to several addresses fails with an AggregateError whose own message is empty.
  const first: unknown = Array.isArray(errors) ? (errors[0] as { message?: unknown } | undefined)?.message : undefined;
  const text = typeof message === 'string' && message !== '' ? message : typeof first === 'string' ? first : 'the database failed';
  return new SagaDatabaseError(sqlState, withoutData(sqlState, withoutUrls(text)));
}

/** Class 22 (data exceptions) quotes the value it could not read. */
function withoutData(sqlState: string | null, message: string): string {
  return sqlState?.startsWith('22') === true && sqlState.length === 5 ? (message.split(/[:"]/)[0] ?? '').trim() : message;
}

function withoutUrls(message: string): string {
  return message.replace(/[a-z]+:\/\/[^\s"']*/gi, '(url)');
}

const LOST_CODES = new Set(['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);
const LOST_MESSAGE =
  /Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error/i;

/** The connection broke: whether the statement was committed is not known. */
export function isConnectionLost(error: unknown): boolean {
  const { code, sqlState, message } = error as { code?: unknown; sqlState?: unknown; message?: unknown };
  const state = typeof sqlState === 'string' ? sqlState : typeof code === 'string' ? code : '';
  if (state.startsWith('08') || state.startsWith('57P0') || LOST_CODES.has(state)) return true;
  return typeof message === 'string' && LOST_MESSAGE.test(message);
}

const READ_ONLY = '25006';
const TRANSIENT = new Set(['40001', '40P01', '55P03', '53300', '25P03', READ_ONLY]);

/** Another connection may do better: a server that takes no writes may keep a session read-only for as long as it lives. */
export function isWornOut(error: unknown): boolean {
  return isConnectionLost(error) || (error as { code?: unknown }).code === READ_ONLY || sqlStateOf(error) === READ_ONLY;
}

/** Rolled back for the sake of another transaction: the same one may succeed a moment later. */
export function isConflict(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '40001' || state === '40P01';
}

/**
 * A statement of ours found fewer rows than it was to change, and changed none. Somebody has changed one since its snapshot without raising
 * the saga's `rev`: a heartbeat does.
 */
export function hasMissedRow(error: unknown): boolean {
  return sqlStateOf(error) === 'SG001';
}

/** The same statement may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  return isConnectionLost(error) || TRANSIENT.has(sqlStateOf(error) ?? '');
}

export function sqlStateOf(error: unknown): string | null {
  return error instanceof SagaDatabaseError ? error.sqlState : null;
}
