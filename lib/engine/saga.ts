import type { Json, JsonObject } from '../core/json';
import type { Operation, OperationState, StepFailure } from '../core/operation';
import { progressOf, type Progress } from '../core/progress';
import { CHILD } from '../core/own-actions';
import { isTerminal, type SagaParent, type SagaState, type TurnCause } from '../core/saga-value';
import type { StoredSaga } from '../ports/stored-saga';

export type StepStatus = OperationState | 'compensating' | 'compensated' | 'compensation_failed';

/** One step, as people see it. */
export interface SagaStepView {
  /** A ULID, made at start. */
  readonly id: string;
  readonly name: string;
  readonly action: string;
  readonly compensation: string | null;
  /** As it was given; null stands where a reference goes. */
  readonly input: Json;
  /** What the action returned; kept when the step is compensated. */
  readonly output: Json;
  readonly status: StepStatus;
  readonly error: StepFailure | null;
  /** The saga that this step has started; null when it runs none, or has not yet. `state`: null when its rows are gone. */
  readonly child: { readonly id: string; readonly state: SagaState | null } | null;
  /** When the last attempt of its action ended. */
  readonly executedAt: Date | null;
}

/** A saga, as people see it: a copy of what is stored. Changing it changes nothing. */
export class Saga {
  /** A ULID. */
  readonly id: string;
  readonly name: string;
  readonly state: SagaState;
  readonly steps: readonly SagaStepView[];
  /** How far it is: steps done, or, once it has turned back, undos still to be made. */
  readonly progress: Progress;
  /** The context given to `start()`, and what handlers have set since. */
  readonly context: Json;
  readonly metadata: Json;
  readonly businessKey: string | null;
  /** Why it turned back, if it did. */
  readonly cause: TurnCause | null;
  /**
   * A person should look: an effect came after the end and is not undone yet; a wish to turn back came when there was no way back; or a
   * retriable step has used up its attempts. `SagaOperator.explain()` says which.
   */
  readonly attention: boolean;
  /** Its pivot has completed: it goes forward only. */
  readonly pastPivot: boolean;
  /** It is to turn back, and the outcome of its pivot decides whether it can. Past the pivot: it could not. */
  readonly turning: TurnCause | null;
  /** What it came to: what `ctx.finish()` was given, else the output of the last step of the plan. null unless it has completed. */
  readonly output: Json;
  /** Nothing of it is begun until it is resumed. */
  readonly paused: boolean;
  /** The saga that waits for this one, and the place of its step; `undoes`: this one undoes what that saga of the step has done. */
  readonly parent: SagaParent | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When it reached a terminal state. */
  readonly completedAt: Date | null;

  constructor(stored: StoredSaga, childStates: ReadonlyMap<string, SagaState> = new Map()) {
    const { saga } = stored;
    this.id = saga.id;
    this.name = saga.name;
    this.state = saga.state;
    this.progress = progressOf(stored.plan.steps.length, saga);
    this.steps = stepsOf(stored, childStates);
    this.context = stored.laidOver === null ? stored.context : { ...(stored.context as JsonObject | null), ...stored.laidOver };
    this.metadata = stored.metadata;
    this.businessKey = stored.businessKey;
    this.cause = saga.cause;
    this.attention = saga.attention;
    this.paused = saga.paused;
    this.pastPivot = saga.pastPivot;
    this.turning = saga.turning;
    this.output = saga.state === 'completed' ? (stored.steps[saga.finishedBy ?? stored.steps.length - 1]?.output ?? null) : null;
    this.parent = saga.parent;
    this.createdAt = stored.createdAt;
    this.updatedAt = stored.updatedAt;
    this.completedAt = stored.completedAt;
  }

  /** It went forward to its end: every step took effect, was skipped, or was optional. */
  get isCompleted(): boolean {
    return this.state === 'completed';
  }

  /** It turned back and no step that may have taken effect has a compensation: nothing was undone. */
  get isFailed(): boolean {
    return this.state === 'failed';
  }

  /** What it did was undone. */
  get isCompensated(): boolean {
    return this.state === 'compensated';
  }

  /** An undo was given up, or nobody knows whether its pivot took effect: a person must act. */
  get isStuck(): boolean {
    return this.state === 'stuck';
  }

  /** Its state will never change again. */
  get isTerminal(): boolean {
    return isTerminal(this.state);
  }
}

function stepsOf({ plan, saga, steps }: StoredSaga, childStates: ReadonlyMap<string, SagaState>): readonly SagaStepView[] {
  const operations = [...saga.operations.values()];
  const children = childrenByStep(operations);
  return plan.steps.map(({ name, action, compensation }, place) => {
    const childId = children.get(place);
    const forward = operations.find((operation) => operation.direction === 'action' && operation.step === place);
    const undo = operations
      .filter((operation) => operation.direction === 'undo' && operation.step === place)
      .sort((a, b) => b.round - a.round)[0];
    const stored = steps[place];
    return {
      id: stored?.stepId ?? '',
      name,
      action,
      compensation,
      input: action === CHILD ? ((stored?.input as JsonObject | undefined)?.['context'] ?? null) : (stored?.input ?? null),
      output: stored?.output ?? null,
      status: statusOf(forward, undo),
      error: undo?.error ?? forward?.error ?? null,
      child: childId === undefined ? null : { id: childId, state: childStates.get(childId) ?? null },
      executedAt: stored?.executedAt ?? null,
    };
  });
}

/** The sagas that the steps of one have started. */
export function childrenOf({ saga }: StoredSaga): readonly string[] {
  return [...childrenByStep([...saga.operations.values()]).values()];
}

function childrenByStep(operations: readonly Operation[]): ReadonlyMap<number, string> {
  return new Map(
    operations.flatMap(({ direction, step, wait }): readonly [number, string][] =>
      direction === 'action' && wait?.kind === 'saga' ? [[step, wait.sagaId]] : [],
    ),
  );
}

function statusOf(forward: Operation | undefined, undo: Operation | undefined): StepStatus {
  const state = forward?.state ?? 'pending';
  switch (undo?.state) {
    case undefined:
    case 'pending':
    case 'skipped': // the saga was terminated before its turn
      return state;
    case 'completed':
      return 'compensated';
    case 'failed':
    case 'unknown':
      return 'compensation_failed';
    default:
      return 'compensating';
  }
}
