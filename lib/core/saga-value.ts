import { SagaInvariantError } from '../errors';
import { operationKey, type Operation, type OperationKey, type OperationRef, type StepFailure } from './operation';

export type SagaState = 'started' | 'completed' | 'compensating' | 'compensated' | 'failed' | 'stuck';

export const TERMINAL_STATES: readonly SagaState[] = ['completed', 'compensated', 'failed'];
export const ACTIVE_STATES: readonly SagaState[] = ['started', 'compensating', 'stuck'];

export function isTerminal(state: SagaState): boolean {
  return TERMINAL_STATES.includes(state);
}

/** Why a saga turned back. */
export type TurnCause =
  | StepFailed
  | { readonly kind: 'deadline' }
  | { readonly kind: 'asked'; readonly reason: string | null; readonly actor: string | null }
  /** Ended by a person as it was, with nothing more undone. */
  | { readonly kind: 'terminated'; readonly reason: string | null; readonly actor: string | null };

/** A saga that one step of another has started. */
export interface SagaParent {
  readonly sagaId: string;
  readonly step: number;
  /** Left out: it runs the step. Else it undoes what this saga, which has completed, has done. */
  readonly undoes?: string;
}

export interface StepFailed {
  readonly kind: 'step-failed';
  readonly step: string;
  readonly error: StepFailure;
  /** Nobody can say whether the step took effect. Left out: it did not. */
  readonly outcome?: 'unknown';
  /** Whose word it was, if it was not its worker's. */
  readonly reportedBy?: { readonly reason: string | null; readonly actor: string | null };
}

/**
 * What a decision is made from. `operations` may be only a part of the saga's: its own operation and those that wait for it are
 * enough for most events, thanks to the join counters. `whole` says whether it is all of them.
 */
export interface SagaValue {
  readonly id: string;
  readonly name: string;
  readonly state: SagaState;
  /** Rises by one with every event; an equal `rev` means an equal saga. */
  readonly rev: number;
  /** Join counter: actions that have not settled. */
  readonly openActions: number;
  /** Join counter: undos that have not completed. 0 until the undo has begun. */
  readonly openUndos: number;
  readonly cause: TurnCause | null;
  /**
   * A person should know: an effect came after the end and is not undone yet; a wish to turn back came when there was no way back; a
   * retriable step has used up its attempts.
   */
  readonly attention: boolean;
  /** Nothing of it is claimed, in either direction, until it is resumed. */
  readonly paused: boolean;
  /** Its pivot has completed, or was left out on the way forward: there is no way back. */
  readonly pastPivot: boolean;
  /** It was to turn back while its pivot ran, and the outcome of the pivot decides. Past the pivot: the wish could not be fulfilled. */
  readonly turning: TurnCause | null;
  /**
   * How often an undo was given up on the way back, or was passed by because the saga that it waits for is stuck. From the first time on
   * each undo is decided from the whole saga.
   */
  readonly givenUp: number;
  /** Place of the step that ended it early and well. */
  readonly finishedBy: number | null;
  /** The saga that waits for this one. */
  readonly parent: SagaParent | null;
  readonly operations: ReadonlyMap<OperationKey, Operation>;
  readonly whole: boolean;
}

export function operationOf(saga: SagaValue, ref: OperationRef): Operation | undefined {
  return saga.operations.get(operationKey(ref));
}

/** Entry by entry: a map that is made from another makes a pair for each first, and every decision makes a few. */
export function copyOf(operations: ReadonlyMap<OperationKey, Operation>): Map<OperationKey, Operation> {
  const copy = new Map<OperationKey, Operation>();
  operations.forEach((operation, key) => copy.set(key, operation));
  return copy;
}

export function withOperations(saga: SagaValue, changed: readonly Operation[]): SagaValue {
  const operations = copyOf(saga.operations);
  for (const operation of changed) operations.set(operationKey(operation), operation);
  return { ...saga, operations };
}

/** As a read of the saga has it: outputs are apart. */
export function withoutOutputs(saga: SagaValue): SagaValue {
  const told: Operation[] = [];
  saga.operations.forEach((operation) => operation.output !== undefined && told.push({ ...operation, output: undefined }));
  return told.length === 0 ? saga : withOperations(saga, told);
}

export function actionsOf(saga: SagaValue): readonly Operation[] {
  if (!saga.whole) throw new SagaInvariantError(`saga ${saga.id} was asked for all its operations and holds a part`);
  return [...saga.operations.values()].filter((operation) => operation.direction === 'action').sort((a, b) => a.step - b.step);
}
