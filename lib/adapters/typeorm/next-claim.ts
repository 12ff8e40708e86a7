import type { Json, JsonObject } from '../../core/json';
import { operationKey, type Operation, type OperationKey } from '../../core/operation';
import type { Plan } from '../../core/plan';
import { withoutOutputs, type SagaValue } from '../../core/saga-value';
import type { Ahead, ChainOffer, Claim, NewStep } from '../../ports/claim';
import type { StartRequest } from '../../ports/saga-start';
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
  return claimOf(data, {
    sagaId: after.id,
    claimId,
    operation,
    context: before.context,
    metadata: before.metadata,
    createdAt: before.createdAt,
    laidOver: patch === null ? laidOver : { ...laidOver, ...patch },
    basis: { plan, saga: partFor(plan, after, operation, row) },
  });
}

type StepData = Pick<Claim, 'stepId' | 'input' | 'references' | 'outputs' | 'actionOutput'> & { readonly ahead: Ahead | undefined };
type OfItsSaga = Omit<Claim, keyof StepData | 'elapsedMs'>;

/** One literal for all of them, here as in what they are made of: what is read so often should have one shape. */
function claimOf(data: StepData, of: OfItsSaga): Claim {
  return {
    sagaId: of.sagaId,
    claimId: of.claimId,
    operation: of.operation,
    stepId: data.stepId,
    input: data.input,
    references: data.references,
    outputs: data.outputs,
    context: of.context,
    laidOver: of.laidOver,
    metadata: of.metadata,
    actionOutput: of.operation.actionOutcome === 'completed' ? data.actionOutput : undefined,
    createdAt: of.createdAt,
    elapsedMs: 0,
    basis: of.basis,
    ahead: data.ahead,
  };
}

/** The claim of a saga that has just been started here; one that goes on where another was has outputs already. */
export function firstClaim(request: StartRequest, { claimId }: ChainOffer, saga: SagaValue, operation: Operation, createdAt: Date): Claim {
  const { sagaId, plan, context, metadata, steps, businessKey } = request;
  const outputs = new Map<number, Json>();
  for (const { direction, step, output } of request.saga.operations.values())
    if (direction === 'action' && output !== undefined) outputs.set(step, output);
  const ahead = { steps, outputs, executedAt: new Map(), businessKey: businessKey?.key ?? null };
  const laidOver = request.laidOver ?? null;
  const basis = { plan, saga: withoutOutputs(saga) };
  return claimOf(remembered(operation, ahead), { sagaId, claimId, operation, context, metadata, createdAt, laidOver, basis });
}

function remembered(operation: Operation, ahead: Ahead): StepData {
  const { steps, outputs } = ahead;
  const { stepId, input, references } = steps[operation.step] as NewStep;
  return { stepId, input, references, outputs, actionOutput: outputs.get(operation.step) ?? null, ahead };
}

/** What is remembered once an attempt of an action has ended. */
export function movedOn(ahead: Ahead, executed: Executed | null, { at }: AppliedRow): Ahead {
  if (executed === null) return ahead;
  const executedAt = new Map(ahead.executedAt).set(executed.step, new Date(at));
  return { steps: ahead.steps, outputs: withOutput(ahead.outputs, executed), executedAt, businessKey: ahead.businessKey };
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
    ahead: undefined,
  };
}

function withOutput(outputs: ReadonlyMap<number, Json>, executed: Executed | null): ReadonlyMap<number, Json> {
  return executed?.output === undefined ? outputs : new Map(outputs).set(executed.step, executed.output);
}

/** Of a part of the saga only what the end of this operation is decided from: along a chain it would grow with every link. */
function partFor(plan: Plan, saga: SagaValue, operation: Operation, row: NextRow): SagaValue {
  if (saga.whole) return withoutOutputs(saga);
  const operations = new Map<OperationKey, Operation>();
  for (const neighbour of (row.neighbours ?? []).map(toOperation)) operations.set(operationKey(neighbour), neighbour);
  const places = new Set([operation.step, ...waitingFor(plan, operation)]);
  for (const [key, one] of saga.operations) {
    if (one.direction === operation.direction && places.has(one.step)) operations.set(key, one);
  }
  return withoutOutputs({ ...saga, operations });
}
