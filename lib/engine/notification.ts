import { SagaInputError } from '../errors';
import { isRecord, knownFields } from '../core/known-fields';
import { didYouMean } from '../core/suggestion';
import type { StoredSaga } from '../ports/stored-saga';
import type { NamedByToken } from './callback-tokens';
import type { StepUpdate } from './step-update';

/** What a notification says of the step that it is about, beside its token. */
export interface About {
  readonly sagaId: unknown;
  readonly stepId: unknown;
}

interface Notification {
  readonly about: About;
  readonly word: Extract<StepUpdate, { readonly status: 'completed' | 'failed' }>;
}

const FIELDS = ['sagaId', 'stepId', 'saga_id', 'step_id', 'status', 'output', 'error', 'token'];
const STATUSES = ['completed', 'failed'];

/**
 * The notification of an external service: `{ sagaId, stepId, status, output, error }`. A field that nobody knows was misspelt, and an output that is
 * overlooked is lost.
 *
 * @throws SagaInputError
 */
export function readNotification(body: unknown): Notification {
  const { status, output, error, ...fields } = knownFields(body, 'notification', FIELDS);
  const about = { sagaId: fields['sagaId'] ?? fields['saga_id'], stepId: fields['stepId'] ?? fields['step_id'] };
  if (status === 'completed') return { about, word: { status, output } };
  if (status === 'failed') return { about, word: { status, error: failureIn(error) } };
  const guess = typeof status === 'string' ? didYouMean(status, STATUSES) : '';
  throw new SagaInputError('notification', '/status', `must be 'completed' or 'failed'${guess}`);
}

/** A text is the message; everything else is looked at as what a person would write. */
function failureIn(error: unknown): { readonly message: string } {
  if (isRecord(error)) return error as never;
  return { message: error === undefined || error === null || error === '' ? 'whoever was asked says that it failed' : (error as string) };
}

/** @throws SagaInputError when the body speaks of something else than its token */
export function refuseStrangers({ sagaId, stepId }: About, named: NamedByToken, stored: StoredSaga | null): void {
  if (sagaId !== undefined && sagaId !== named.sagaId) throw new SagaInputError('notification', '/sagaId', 'is not the saga of the token');
  const place = named.operation.step;
  const isMeant =
    stored === null || stepId === undefined || [stored.steps[place]?.stepId, stored.plan.steps[place]?.name].includes(stepId as string);
  if (!isMeant) throw new SagaInputError('notification', '/stepId', 'is not the step of the token');
}
