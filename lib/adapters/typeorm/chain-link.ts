import { deadlineDealtWith } from '../../core/claim';
import type { Chained } from '../../core/chain';
import type { Json, JsonObject } from '../../core/json';
import { operationKey, type Operation, type OperationKey } from '../../core/operation';
import { dependentsOf, type Plan } from '../../core/plan';
import { operationOf, type SagaValue } from '../../core/saga-value';
import type { Ahead, ChainOffer, Claim, NewStep, StartRequest } from '../../ports/saga-store';
import type { AppliedRow } from './apply.statement';
import { neighboursOf, toOperation } from './rows';

/** The claim that is chained to a move: what its statement has to know of it. */
export interface Link {
  readonly operation: Operation;
  readonly worker: string;
  readonly leaseMs: number;
  /** A pause of this action forbids the claim. */
  readonly pausedBy: string | null;
  /** So does a deadline that has passed. */
  readonly mindsDeadline: boolean;
  /** null: this process knows already what the claim needs. `neighbours`: null when they are known. */
  readonly reads: { readonly neighbours: readonly number[] | null } | null;
}

export function linkOf(plan: Plan, { saga, operation: ref, key }: Chained, { worker, leaseMs }: ChainOffer, isKnown: boolean): Link {
  const operation = operationOf(saga, ref) as Operation;
  const isAction = operation.direction === 'action';
  return {
    operation,
    worker,
    leaseMs,
    pausedBy: isAction ? key : null,
    mindsDeadline: isAction && !deadlineDealtWith(saga),
    reads: isKnown ? null : { neighbours: saga.whole ? null : waitingFor(plan, operation) },
  };
}

/** The steps whose operations the end of this one is decided from, besides itself. */
function waitingFor(plan: Plan, { direction, step, releases }: Operation): readonly number[] {
  return direction === 'action' ? dependentsOf(plan, step) : releases;
}

/** What the claim chained to a move needs and this process does not know, beside the row `saga` of that move. */
export function nextColumns(s: string): string {
  return `next.* FROM saga LEFT JOIN LATERAL (
        SELECT i.step_id, i.input, i.refs, laid.input AS laid,
          (SELECT json_object_agg(a.step, a.output) FROM ${s}.operations a
            WHERE a.saga_id = op.saga_id AND a.direction = 'action' AND a.round = 1 AND a.state = 'completed' AND a.output IS NOT NULL
              AND a.step = ANY (ARRAY(SELECT (r.value ->> 'step')::int FROM jsonb_array_elements(i.refs) r))) AS outputs,
          CASE op.direction WHEN 'undo' THEN
            (SELECT a.output FROM ${s}.operations a
              WHERE a.saga_id = op.saga_id AND a.direction = 'action' AND a.step = op.step AND a.round = 1) END AS action_output,
          ${neighboursOf(s, 'op')} AS neighbours
        FROM (SELECT saga.id AS saga_id, saga.next_direction AS direction, saga.next_step AS step, saga.next_round AS round,
                     saga.next_neighbours AS dependents WHERE saga.next_step IS NOT NULL) op
        CROSS JOIN LATERAL (SELECT * FROM ${s}.inputs i WHERE i.saga_id = op.saga_id AND i.step = op.step OFFSET 0) i
        LEFT JOIN LATERAL (SELECT * FROM ${s}.inputs l WHERE l.saga_id = op.saga_id AND l.step = -2 OFFSET 0) laid ON true) next ON true`;
}

export interface LinkedMove {
  readonly plan: Plan;
  /** After the chained claim. */
  readonly after: SagaValue;
  readonly link: Link;
  /** What the move has laid over the context. */
  readonly patch: JsonObject | null;
  /** What its event has returned: rows that were read do not have it yet. */
  readonly output: Output | null;
}

interface Output {
  readonly step: number;
  readonly value: Json;
}

/** The chained claim, from what its statement has answered and from the claim before. */
export function nextClaim(claimId: string, before: Claim, { plan, after, link, patch, output }: LinkedMove, row: AppliedRow): Claim {
  const { operation, reads } = link;
  const { ahead } = before;
  const data = reads === null && ahead !== undefined ? remembered(operation, ahead, output) : read(operation, row, output);
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

/** The claim of a saga that has just been started here. */
export function firstClaim(request: StartRequest, { claimId }: ChainOffer, saga: SagaValue, operation: Operation, createdAt: Date): Claim {
  const { sagaId, plan, context, metadata, steps } = request;
  return {
    ...{ sagaId, claimId, operation, elapsedMs: 0, context, metadata, createdAt },
    laidOver: request.laidOver ?? null,
    basis: { plan, saga },
    ...remembered(operation, { steps, outputs: new Map() }, null),
    actionOutput: undefined,
  };
}

function remembered(operation: Operation, { steps, outputs }: Ahead, output: Output | null): StepData {
  const all = withOutput(outputs, output);
  const step = steps[operation.step] as NewStep;
  return { ...step, outputs: all, actionOutput: all.get(operation.step) ?? null, ahead: { steps, outputs: all } };
}

function read(operation: Operation, row: AppliedRow, output: Output | null): StepData {
  const outputs = new Map(Object.entries(row.outputs ?? {}).map(([place, value]) => [Number(place), value]));
  return {
    stepId: row.step_id ?? '',
    input: row.input,
    references: row.refs ?? [],
    outputs: withOutput(outputs, output),
    actionOutput: output?.step === operation.step ? output.value : row.action_output,
  };
}

function withOutput(outputs: ReadonlyMap<number, Json>, output: Output | null): ReadonlyMap<number, Json> {
  return output === null ? outputs : new Map(outputs).set(output.step, output.value);
}

/** Of a part of the saga only what the end of this operation is decided from: along a chain it would grow with every link. */
function partFor(plan: Plan, saga: SagaValue, operation: Operation, row: AppliedRow): SagaValue {
  const operations = new Map<OperationKey, Operation>();
  for (const neighbour of (row.neighbours ?? []).map(toOperation)) operations.set(operationKey(neighbour), neighbour);
  const places = new Set([operation.step, ...waitingFor(plan, operation)]);
  for (const [key, one] of saga.operations) {
    const isNeeded = saga.whole || (one.direction === operation.direction && places.has(one.step));
    if (isNeeded) operations.set(key, withoutOutput(one));
  }
  return { ...saga, operations };
}

function withoutOutput(operation: Operation): Operation {
  if (operation.output === undefined) return operation;
  const { output: _stored, ...rest } = operation;
  return rest;
}
