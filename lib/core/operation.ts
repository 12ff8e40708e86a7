import type { Json } from './json';

export type Direction = 'action' | 'undo';

/** What an undo is told of its action. */
export type ActionOutcome = 'completed' | 'failed' | 'unknown';

export type OperationState =
  | 'pending' // waits for other operations
  | 'started' // due: may be claimed at any time
  | 'running' // claimed by a worker, under a lease
  | 'retrying' // may be claimed from its time on
  | 'waiting' // its handler has returned, and something that is not a worker will end it
  | 'completed'
  | 'failed'
  | 'unknown' // settled, and nobody can say whether it took effect
  | 'skipped';

/** One execution record: the action of a step, or one round of its undo. */
export interface Operation {
  readonly step: number;
  readonly direction: Direction;
  readonly round: number;
  readonly state: OperationState;
  /** Join counter: operations that must settle before this one starts. */
  readonly waits: number;
  /** Undos: steps whose undos wait for this one. Of an action its plan says so. */
  readonly releases: readonly number[];
  /** Actions: the saga's `rev` at the first claim, 0 before. Undos: the place in the order of undo, from 1; 0 when asked for after the end. */
  readonly order: number;
  /** Rises at each claim and when the operation is taken away from its worker. */
  readonly fence: number;
  /** Identity of the claim that is running, or ran last. */
  readonly claimId: string | null;
  readonly claims: number;
  /** Claims that ended without a report: their process died. */
  readonly losses: number;
  /** Losses that this operation is held responsible for. */
  readonly blamed: number;
  /** One attempt ended and nobody knows how; sticky until a later attempt completes. */
  readonly hadUnknown: boolean;
  /** The running attempt was claimed by a process that ran nothing else: a loss is its own. */
  readonly alone: boolean;
  /** Its handler is not run any more: its `@Verify` handler is asked whether it took effect. Stays set when it has settled. */
  readonly verifying: boolean;
  /** The running attempt reached its timeout. */
  readonly timedOut: boolean;
  /** Undos: what became of the action. */
  readonly actionOutcome: ActionOutcome | null;
  /** Actions: the highest fence whose late outcome was counted; 0 when none was. */
  readonly lateFence: number;
  readonly error: StepFailure | null;
  /** What it waits for, or has waited for last; null when it never did. */
  readonly wait: Wait | null;
  /** The word of somebody outside that came while a worker still had it, or that ended it as failed: the first one counts. */
  readonly heard: Heard | null;
  /** Key of the `@SagaCondition` that has not been asked yet; null when there is none, or the answer was yes. */
  readonly condition: string | null;
  /** Known only in the decision that sets it: outputs are never needed to decide. */
  readonly output: Json | undefined;
}

/** What ends the wait of an operation. */
export type Wait =
  /** Whoever has its token, by `SagaCallbacks`. */
  | { readonly kind: 'callback' }
  /** Its time alone. */
  | { readonly kind: 'timer' }
  /** A signal of this name to its saga. `taken`: the one that has come, which no other operation may take. */
  | { readonly kind: 'signal'; readonly name: string; readonly taken?: string }
  /** The end of another saga. `stuck`: it is stuck, so that it waits for a person. */
  | { readonly kind: 'saga'; readonly sagaId: string; readonly stuck?: true };

/** How somebody outside says that an operation ended. */
export type Heard =
  | { readonly kind: 'failed'; readonly error: StepFailure }
  /** Its output is stored already; it settles when what its worker writes in the same transaction is. */
  | { readonly kind: 'completed' };

/** How an attempt failed, fit to be stored and shown: no stack, no payload, no SQL. */
export interface StepFailure {
  readonly code: string;
  readonly message: string;
}

export type OperationKey = `${Direction}:${number}:${number}`;

export function operationKey({ direction, step, round }: OperationRef): OperationKey {
  const made = round === 1 ? FIRST_ROUND[direction][step] : undefined;
  return made ?? `${direction}:${step}:${round}`;
}

/** A decision asks for some keys a dozen times, and most sagas are short: theirs are made once. */
const FIRST_ROUND: Readonly<Record<Direction, readonly OperationKey[]>> = { action: firstKeys('action'), undo: firstKeys('undo') };

function firstKeys(direction: Direction): readonly OperationKey[] {
  return Array.from({ length: 64 }, (_, step): OperationKey => `${direction}:${step}:1`);
}

export interface OperationRef {
  readonly step: number;
  readonly direction: Direction;
  readonly round: number;
}

export function newOperation(of: OperationRef, init: Partial<Operation>): Operation {
  return {
    step: of.step,
    direction: of.direction,
    round: of.round,
    state: 'pending',
    waits: 0,
    releases: [],
    order: 0,
    fence: 0,
    claimId: null,
    claims: 0,
    losses: 0,
    blamed: 0,
    hadUnknown: false,
    alone: false,
    verifying: false,
    timedOut: false,
    actionOutcome: null,
    lateFence: 0,
    error: null,
    wait: null,
    heard: null,
    condition: null,
    output: undefined,
    ...init,
  };
}

/** Nothing more will be heard of it, unless a stuck undo is tried again. */
export function isSettled(operation: Operation): boolean {
  return operation.state === 'completed' || operation.state === 'failed' || operation.state === 'unknown' || operation.state === 'skipped';
}

/** Attempts whose end was reported; lost ones have a budget of their own. */
export function attemptsOf(operation: Operation): number {
  return operation.claims - operation.losses;
}
