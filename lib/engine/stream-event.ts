import type { SagaEffect } from '../core/effect';
import { operationKey, type Direction, type Operation, type Wait } from '../core/operation';
import type { Plan } from '../core/plan';
import { progressOf, type Progress } from '../core/progress';
import type { SagaState, SagaValue } from '../core/saga-value';

interface OfSaga {
  readonly sagaId: string;
  readonly name: string;
  /** After the event. */
  readonly state: SagaState;
  readonly progress: Progress;
}

interface OfStep extends OfSaga {
  /** Its name. */
  readonly step: string;
  /** The step's action, or its undo. */
  readonly direction: Direction;
}

/** What `SagaService.events()` tells: what happened to sagas in this process, in the words of people. */
export type SagaStreamEvent =
  | (OfSaga & { readonly type: 'saga.started' })
  /** `state` is `completed`, `compensated`, `failed`, or `stuck`: nothing more happens until a person acts. */
  | (OfSaga & { readonly type: 'saga.ended' })
  /** A person should look at it (`raised`), see `Saga.attention`; or need not any more. */
  | (OfSaga & { readonly type: 'saga.attention'; readonly raised: boolean })
  /** An attempt has begun. */
  | (OfStep & { readonly type: 'step.started'; readonly attempt: number })
  | (OfStep & { readonly type: 'step.completed' })
  | (OfStep & { readonly type: 'step.skipped'; readonly reason: string | null })
  /** Its handler has returned, and somebody else will end the step. */
  | (OfStep & { readonly type: 'step.waiting'; readonly wait: Wait['kind'] })
  | (OfStep & {
      readonly type: 'step.failed';
      readonly code: string;
      readonly message: string;
      /** `unknown`: it may have taken effect all the same. */
      readonly outcome: 'failed' | 'unknown';
      readonly willRetry: boolean;
    })
  /** The reader was too slow: so many events before the next one are missing. */
  | { readonly type: 'events.dropped'; readonly count: number };

export type SagaStreamEventType = SagaStreamEvent['type'];

/** What a decision that is stored means for people. */
export function streamEventsOf(plan: Plan, saga: SagaValue, effects: readonly SagaEffect[]): readonly SagaStreamEvent[] {
  const about = aboutSaga(plan, saga);
  const events: SagaStreamEvent[] = [];
  for (const effect of effects) {
    if (effect.type !== 'record') continue;
    const { kind, step, direction, round, reason } = effect.entry;
    if (kind === 'start') events.push({ type: 'saga.started', ...about });
    if (step === null || direction === null || round === null) continue;
    const operation = saga.operations.get(operationKey({ step, direction, round }));
    const event = operation && stepEvent(kind, operation, { step: nameOf(plan, step), direction, ...about }, reason);
    if (event) events.push(event);
  }
  for (const effect of effects) {
    if (effect.type === 'attention') events.push({ type: 'saga.attention', ...about, raised: effect.raised });
    if (effect.type === 'ended') events.push({ type: 'saga.ended', ...about });
  }
  return events;
}

/** A worker has begun with an operation. */
export function startedEvent(plan: Plan, saga: SagaValue, { step, direction, claims, losses }: Operation): SagaStreamEvent {
  return { type: 'step.started', ...aboutSaga(plan, saga), step: nameOf(plan, step), direction, attempt: claims - losses };
}

/** An attempt ended without success, by whoever's word. */
const FAILURES: readonly string[] = ['failed', 'lost', 'lease-expired', 'wait-over'];

function stepEvent(kind: string, operation: Operation, about: OfStep, reason: string | null): SagaStreamEvent | null {
  const { state, error, wait, verifying, hadUnknown } = operation;
  switch (state) {
    case 'completed':
      return { type: 'step.completed', ...about };
    case 'skipped':
      return { type: 'step.skipped', ...about, reason };
    case 'waiting':
      return kind === 'suspended' && wait !== null ? { type: 'step.waiting', ...about, wait: wait.kind } : null;
    case 'pending':
    case 'running':
      return null;
    case 'started':
    case 'retrying':
      if (!FAILURES.includes(kind)) return null;
      return { type: 'step.failed', ...about, ...worded(error), outcome: outcomeOf(hadUnknown), willRetry: !verifying };
    case 'failed':
    case 'unknown':
      return { type: 'step.failed', ...about, ...worded(error), outcome: outcomeOf(state === 'unknown' || hadUnknown), willRetry: false };
  }
}

function worded(error: Operation['error']): { readonly code: string; readonly message: string } {
  return error ?? { code: 'STEP_FAILED', message: 'the step failed' };
}

function outcomeOf(isUnknown: boolean): 'failed' | 'unknown' {
  return isUnknown ? 'unknown' : 'failed';
}

function aboutSaga(plan: Plan, saga: SagaValue): OfSaga {
  return { sagaId: saga.id, name: saga.name, state: saga.state, progress: progressOf(plan.steps.length, saga) };
}

function nameOf(plan: Plan, step: number): string {
  return plan.steps[step]?.name ?? String(step);
}
