import type { Json, JsonObject } from '../../core/json';
import { operationKey, type Operation, type OperationKey } from '../../core/operation';
import type { Plan } from '../../core/plan';
import type { SagaValue } from '../../core/saga-value';
import type { Ahead, ChainOffer, Claim, NewStep } from '../../ports/claim';
import type { StartRequest } from '../../ports/saga-store';
import { waitingFor, type Link } from './chain-link';
import type { AppliedRow } from './apply.statement';
import type { NextRow } from './next-claim.columns';
import { toOperation } from './rows';

export interface LinkedMove {
  readonly plan: Plan;
  /** After the chained claim. */
  readonly after: SagaValue;
  readonly link: Link;
  /** What the move has laid over the context. */
  readonly patch: JsonObject | null;
  /** What its event has ended: rows that were read do not have it yet. */
  readonly executed: Executed | null;
}

/** An action whose attempt has ended. */
export interface Executed {
  readonly step: number;
  /** undefined: it has returned nothing. */
  readonly output: Json | undefined;
}

/** The chained claim, from what its statement has answered and from the claim before. */
export function nextClaim(claimId: string, before: Claim, { plan, after, link, patch, executed }: LinkedMove, row: AppliedRow): Claim {
  const { operation, reads } = link;
  const { ahead } = before;
  const data =
    reads === null && ahead !== undefined ? remembered(operation, movedOn(ahead, executed, row)) : read(operation, row, executed);
  const laidOver = reads === null ? before.laidOver : row.laid;
  return {
    sagaId: after.id,
    claimId,
    operation,
    elapsedMs: 0,
    context: before.context,
    metadata: before.metadata,
    createdAt: before.createdAt,
    laidOver: patch === null ? laidOver : { ...laidOver, ...patch },
    basis: { plan, saga: partFor(plan, after, operation, row) },
    ...data,
    actionOutput: operation.actionOutcome === 'completed' ? data.actionOutput : undefined,
  };
}

type StepData = Pick<Claim, 'stepId' | 'input' | 'references' | 'outputs' | 'actionOutput' | 'ahead'>;

/** The claim of a saga that has just been started here; one that goes on where another was has outputs already. */
export function firstClaim(request: StartRequest, { claimId }: ChainOffer, saga: SagaValue, operation: Operation, createdAt: Date): Claim {
  const { sagaId, plan, context, metadata, steps, businessKey } = request;
  const outputs = new Map<number, Json>();
  for (const { direction, step, output } of request.saga.operations.values())
    if (direction === 'action' && output !== undefined) outputs.set(step, output);
  const ahead = { steps, outputs, executedAt: new Map(), businessKey: businessKey?.key ?? null };
  const data = remembered(operation, ahead);
  return {
    ...{ sagaId, claimId, operation, elapsedMs: 0, context, metadata, createdAt },
    laidOver: request.laidOver ?? null,
    basis: { plan, saga: withoutOutputs(saga) },
    ...data,
    actionOutput: operation.actionOutcome === 'completed' ? data.actionOutput : undefined,
  };
}

function remembered(operation: Operation, ahead: Ahead): StepData {
  const { steps, outputs } = ahead;
  return { ...(steps[operation.step] as NewStep), outputs, actionOutput: outputs.get(operation.step) ?? null, ahead };
}

/** What is remembered once an attempt of an action has ended. */
export function movedOn(ahead: Ahead, executed: Executed | null, { at }: AppliedRow): Ahead {
  if (executed === null) return ahead;
  const executedAt = new Map(ahead.executedAt).set(executed.step, new Date(at));
  return { ...ahead, outputs: withOutput(ahead.outputs, executed), executedAt };
}

function read(operation: Operation, row: NextRow, executed: Executed | null): StepData {
  const outputs = new Map(Object.entries(row.outputs ?? {}).map(([place, value]) => [Number(place), value]));
  const own = executed?.step === operation.step ? executed.output : undefined;
  return {
    stepId: row.step_id ?? '',
    input: row.input,
    references: row.refs ?? [],
    outputs: withOutput(outputs, executed),
    actionOutput: own ?? row.action_output,
  };
}

function withOutput(outputs: ReadonlyMap<number, Json>, executed: Executed | null): ReadonlyMap<number, Json> {
  return executed?.output === undefined ? outputs : new Map(outputs).set(executed.step, executed.output);
}

/** Of a part of the saga only what the end of this operation is decided from: along a chain it would grow with every link. */
function partFor(plan: Plan, saga: SagaValue, operation: Operation, row: NextRow): SagaValue {
  const operations = new Map<OperationKey, Operation>();
  for (const neighbour of (row.neighbours ?? []).map(toOperation)) operations.set(operationKey(neighbour), neighbour);
  const places = new Set([operation.step, ...waitingFor(plan, operation)]);
  for (const [key, one] of saga.operations) {
    const isNeeded = saga.whole || (one.direction === operation.direction && places.has(one.step));
    if (isNeeded) operations.set(key, withoutOutput(one));
  }
  return { ...saga, operations };
}

/** As a read of the saga has it: outputs are apart. */
export function withoutOutputs(saga: SagaValue): SagaValue {
  return { ...saga, operations: new Map([...saga.operations].map(([key, operation]) => [key, withoutOutput(operation)])) };
}

function withoutOutput(operation: Operation): Operation {
  if (operation.output === undefined) return operation;
  const { output: _stored, ...rest } = operation;
  return rest;
}
