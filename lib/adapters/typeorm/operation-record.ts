import { keyOf, policyOf } from '../../core/draft';
import type { SagaEffect } from '../../core/effect';
import { limitsOf } from '../../core/kinds';
import { newOperation, operationKey, type Operation, type OperationKey } from '../../core/operation';
import { dependentsByStep, dependentsOf, type Plan } from '../../core/plan';
import type { Link } from './chain-link';
import type { ToldHistory } from './history-record';
import { countField, flagField, jsonField, numberField, numbersField, textField, valueField, wordField } from './record-text';
import { partedType, whereSeldom, type Parted, type PartedType, type RecordType } from './record-type';
import { delayMs, inMs } from './sql';

const COMMON = `saga_id text, direction text, step int, round int, state text, waits int, ord bigint, fence bigint, claim_id text, claims int,
    timed_out boolean, output jsonb, due_ms float8, send_ms float8, lease_ms float8, worker text, told text, told_rev bigint, fence_before bigint`;
const OF_NEW = 'attempt_limit int, loss_limit int, key text, action_outcome text, dependents int[]';
/** `seldom`: what an operation has in these columns changes. */
const SELDOM = `seldom boolean, losses int, blamed int, had_unknown boolean, alone boolean, verifying boolean, late_fence bigint, wait jsonb,
    heard jsonb, condition text, error jsonb`;

const WHOLE: RecordType = { name: 'operation_record', fields: `${COMMON}, ${OF_NEW}, ${SELDOM}` };

/** An operation that changes, as a statement gets it. `told`: the kind of the event that its history gets with it, at `told_rev`. */
export const CHANGE_RECORD: PartedType = partedType({ name: 'change_record', fields: COMMON }, WHOLE);
/** One that is new. */
export const ADDITION_RECORD: PartedType = partedType({ name: 'addition_record', fields: `${COMMON}, ${OF_NEW}` }, WHOLE);

/** What changes nothing but what is known of an operation does not say again when it is due. */
function orAsBefore(column: string, told: string): string {
  return `CASE WHEN c.send_ms IS NULL AND c.state = o.state THEN o.${column} ELSE ${told} END`;
}

/** What a record `c` makes of an operation `o`; its saga was updated at `c.updated_at`. */
const CHANGES = `state = c.state, waits = coalesce(c.waits, 0), ord = coalesce(c.ord, 0), fence = coalesce(c.fence, 0), claim_id = c.claim_id,
               claims = coalesce(c.claims, 0), timed_out = coalesce(c.timed_out, false), output = coalesce(c.output, o.output),
               due_at = ${orAsBefore('due_at', inMs('c.due_ms'))}, send_at = ${orAsBefore('send_at', inMs('c.send_ms'))}, resends = 0,
               first_at = CASE WHEN c.lease_ms IS NULL THEN o.first_at ELSE clock_timestamp() END,
               lease_until = CASE WHEN c.lease_ms IS NOT NULL THEN ${inMs('c.lease_ms')} WHEN c.state = 'running' THEN o.lease_until END,
               worker = CASE WHEN c.lease_ms IS NOT NULL THEN c.worker WHEN c.state = 'running' THEN o.worker END,
               settled_at = CASE WHEN o.state = 'running' AND c.state <> 'running' THEN c.updated_at ELSE o.settled_at END`;

const SELDOM_CHANGES: Readonly<Record<string, string>> = {
  attempt_limit: 'c.attempt_limit',
  loss_limit: 'c.loss_limit',
  losses: 'coalesce(c.losses, 0)',
  blamed: 'coalesce(c.blamed, 0)',
  had_unknown: 'coalesce(c.had_unknown, false)',
  alone: 'coalesce(c.alone, false)',
  verifying: 'coalesce(c.verifying, false)',
  late_fence: 'coalesce(c.late_fence, 0)',
  wait: 'c.wait',
  heard: 'c.heard',
  condition: 'c.condition',
  error: 'c.error',
};

/** @param isWhole whether the records have all fields */
export function operationChanges(isWhole: boolean): string {
  return isWhole ? `${CHANGES}, ${whereSeldom('c', 'o', SELDOM_CHANGES)}` : CHANGES;
}

/** An operation made of a record `a`. @param isWhole whether the records have all fields */
export function newOperations(s: string, isWhole: boolean): string {
  const columns = `saga_id, direction, step, round, key, state, waits, ord, fence, claim_id, claims, attempt_limit, loss_limit, timed_out, action_outcome,
           dependents, due_at, send_at, output, first_at, lease_until, worker, losses, blamed, had_unknown`;
  const values = `a.saga_id, a.direction, a.step, a.round, a.key, a.state, coalesce(a.waits, 0), coalesce(a.ord, 0), coalesce(a.fence, 0), a.claim_id,
               coalesce(a.claims, 0), a.attempt_limit, a.loss_limit, coalesce(a.timed_out, false), a.action_outcome, a.dependents,
               ${inMs('a.due_ms')}, ${inMs('a.send_ms')}, a.output, CASE WHEN a.lease_ms IS NOT NULL THEN clock_timestamp() END,
               ${inMs('a.lease_ms')}, a.worker`;
  return isWhole
    ? `INSERT INTO ${s}.operations (${columns}, alone, verifying, wait, heard, condition, late_fence, error)
        SELECT ${values}, coalesce(a.losses, 0), coalesce(a.blamed, 0), coalesce(a.had_unknown, false), coalesce(a.alone, false), coalesce(a.verifying, false),
               a.wait, a.heard, a.condition, coalesce(a.late_fence, 0), a.error`
    : `INSERT INTO ${s}.operations (${columns}) SELECT ${values}, 0, 0, false`;
}

export interface Recording {
  readonly sagaId: string;
  readonly plan: Plan;
  readonly effects: readonly SagaEffect[];
  readonly resendMs: number;
  /** The claim that is chained to the decision. */
  readonly link?: Link | undefined;
}

/** Operations that a decision added, whole. @param told their history */
export function newRecords(added: readonly Operation[], recording: Recording, told: Told): readonly Parted[] {
  if (added.length === 0) return [];
  const dependents = dependentsOfActions(recording.plan, added);
  const common = commonFields(recording, told);
  return added.map((operation) => {
    const { direction, step, releases, actionOutcome } = operation;
    const ends = direction === 'action' ? (dependents.get(step) ?? []) : releases;
    const key = textField(keyOf(recording.plan, operation)) + wordField(actionOutcome) + numbersField(ends);
    return {
      text: common(operation) + NO_FENCE_BEFORE + limitFields(recording.plan, operation) + key,
      rest: isOrdinary(operation) ? null : seldomFields(operation),
    };
  });
}

const NO_FENCE_BEFORE = numberField(null);

/** Operations that a decision changed: what may change of one. */
export function changedRecords(
  changed: readonly Operation[],
  before: ReadonlyMap<OperationKey, Operation>,
  recording: Recording,
  told: Told,
): readonly Parted[] {
  const common = commonFields(recording, told);
  return changed.map((operation) => {
    const key = operationKey(operation);
    const previous = before.get(key);
    // Its history says the error of the operation, and counts attempts without losses.
    const isSaid = told.has(key) && (operation.error !== null || operation.losses > 0);
    const isSame = previous !== undefined && isSeldomSame(previous, operation) && !isSaid;
    return {
      text: common(operation) + numberField(previous?.fence),
      rest: isSame ? null : `${limitFields(recording.plan, operation)},,,${seldomFields(operation)}`,
    };
  });
}

type Told = ToldHistory['within'];

/** The fields `COMMON` of an operation, but for the last. */
function commonFields({ sagaId, effects, resendMs, link }: Recording, told: Told): (operation: Operation) => string {
  const delays = delaysOf(effects, resendMs);
  const id = textField(sagaId);
  return (operation) => {
    const key = operationKey(operation);
    const due = delays.get(key);
    const history = told.get(key);
    let text = `${id},${operation.direction},${operation.step},${operation.round},${operation.state}`;
    text += countField(operation.waits) + countField(operation.order) + countField(operation.fence) + textField(operation.claimId);
    text += countField(operation.claims) + flagField(operation.timedOut);
    text += operation.output === undefined ? ',' : valueField(operation.output);
    text += due === undefined ? ',,' : numberField(due.dueMs) + numberField(due.sendMs);
    text += operation === link?.operation ? `,${delayMs(link.leaseMs)}${textField(link.worker)}` : ',,';
    text += history === undefined ? ',,' : `,${history.entry.kind},${history.rev}`;
    return text;
  };
}

function limitFields(plan: Plan, operation: Operation): string {
  const { attempts, losses } = limitsOf(plan, operation, policyOf(plan, operation));
  return `,${attempts},${losses}`;
}

function seldomFields(operation: Operation): string {
  let text = `,t${countField(operation.losses)}${countField(operation.blamed)}${flagField(operation.hadUnknown)}${flagField(operation.alone)}`;
  text += flagField(operation.verifying) + countField(operation.lateFence) + jsonField(operation.wait) + jsonField(operation.heard);
  return text + textField(operation.condition) + jsonField(operation.error);
}

function isSeldomSame(one: Operation, other: Operation): boolean {
  return (
    one.error === other.error &&
    one.losses === other.losses &&
    one.blamed === other.blamed &&
    one.hadUnknown === other.hadUnknown &&
    one.alone === other.alone &&
    one.verifying === other.verifying &&
    one.lateFence === other.lateFence &&
    one.wait === other.wait &&
    one.heard === other.heard &&
    one.condition === other.condition
  );
}

/** Nothing of a new one has to be said in `SELDOM`. */
function isOrdinary(operation: Operation): boolean {
  return isSeldomSame(operation, ORDINARY);
}

const ORDINARY = newOperation({ step: 0, direction: 'action', round: 1 }, {});

/** Milliseconds until the first thing that these effects ask for is due; null when they ask for nothing. */
export function earliestMs({ effects, resendMs, link }: Omit<Recording, 'plan' | 'sagaId'>): number | null {
  const delays = [...delaysOf(effects, resendMs).values()].map(({ sendMs }) => sendMs).filter((sendMs) => sendMs !== null);
  if (link !== undefined) delays.push(delayMs(link.leaseMs));
  return delays.length === 0 ? null : Math.min(...delays);
}

interface Delays {
  /** Until it may be claimed, or its wait is over. */
  readonly dueMs: number | null;
  /** Until somebody has to look after it: to send its wake-up again, or to see what it waits for. */
  readonly sendMs: number | null;
}

function delaysOf(effects: readonly SagaEffect[], resendMs: number): ReadonlyMap<OperationKey, Delays> {
  const delays = new Map<OperationKey, Delays>();
  for (const effect of effects) {
    if (effect.type === 'dispatch') {
      const dueMs = effect.inMs === 0 ? null : delayMs(effect.inMs);
      delays.set(operationKey(effect.operation), { dueMs, sendMs: dueMs ?? delayMs(resendMs) });
    }
    if (effect.type === 'wait') {
      const dueMs = effect.endsInMs === null ? null : delayMs(effect.endsInMs);
      const lookMs = effect.lookAgain ? delayMs(resendMs) : null;
      delays.set(operationKey(effect.operation), { dueMs, sendMs: lookMs === null ? dueMs : Math.min(lookMs, dueMs ?? lookMs) });
    }
  }
  return delays;
}

/** One operation more is asked for by itself. */
function dependentsOfActions(plan: Plan, added: readonly Operation[]): ReadonlyMap<number, readonly number[]> {
  const [only, ...others] = added.filter(({ direction }) => direction === 'action');
  if (only === undefined) return new Map();
  return others.length === 0 ? new Map([[only.step, dependentsOf(plan, only.step)]]) : dependentsByStep(plan);
}
