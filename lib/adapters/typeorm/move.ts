import type { ContextEffect, SagaEffect } from '../../core/effect';
import type { JsonObject } from '../../core/json';
import type { Operation } from '../../core/operation';
import { isTerminal, type SagaValue } from '../../core/saga-value';
import { historyEntriesOf, toldHistory, type ToldHistory } from './history-record';
import { changedRecords, earliestMs, newRecords, type Recording } from './operation-record';
import { countField, flagField, jsonField, numberField, numbersField, textField } from './record-text';
import { lengthOf, partedType, whereSeldom, type Parted, type PartedType } from './record-type';
import { delayMs } from './sql';

/** A decision on its way into the database. */
export interface Move extends Omit<Recording, 'sagaId'> {
  readonly before: SagaValue;
  readonly after: SagaValue;
  /** Taking a lease away: how long it must have been over. Heartbeats extend leases without raising `rev`. */
  readonly leaseGraceMs: number | null;
}

/** A decision as records. */
export interface EncodedMove {
  readonly sagaId: string;
  readonly saga: Parted;
  readonly changes: readonly Parted[];
  readonly additions: readonly Parted[];
  readonly entries: readonly string[];
  /** It lays something over the context. */
  readonly patches: boolean;
  /** Its chained claim needs what this process does not know. */
  readonly reads: boolean;
  readonly bytes: number;
}

export function encoded(move: Move): EncodedMove {
  const { before, after, effects, link } = move;
  const { changed, added } = differences(before, after);
  const patch = contextPatch(effects);
  const told = toldHistory(after, effects, (operation, key) => isChange(before.operations.get(key), operation));
  const recording = { sagaId: before.id, plan: move.plan, effects, resendMs: move.resendMs, link };
  const saga = movedSaga(move, changed.length, patch);
  const changes = changedRecords(changed, before.operations, recording, told.within);
  const additions = newRecords(added, recording, NOTHING_TOLD);
  const bytes = lengthOf([saga]) + lengthOf(changes) + lengthOf(additions) + lengthOf(told.apart);
  const reads = link !== undefined && link.reads !== null;
  return { sagaId: before.id, saga, changes, additions, entries: told.apart, patches: patch !== null, reads, bytes };
}

/** Of what is new the statement tells nothing but what it is. */
const NOTHING_TOLD: ToldHistory['within'] = new Map();

const COMMON = `id text, rev bigint, events int, state text, changed int, open_actions int, open_undos int, ends boolean, wake_ms float8,
    next_paused_by text, next_minds_deadline boolean`;
/** `seldom`: what the saga has in these columns changes, or the statement is to do more than usual. */
const SELDOM = `seldom boolean, cause jsonb, attention boolean, paused boolean, past_pivot boolean, turning jsonb, given_up int, finished_by int,
    patch jsonb, grace_ms float8, timed_out boolean, next_direction text, next_step int, next_round int, next_neighbours int[]`;

/** A move of a saga as a statement gets it. */
export const MOVE_RECORD: PartedType = partedType(
  { name: 'move_record', fields: COMMON },
  { name: 'whole_move_record', fields: `${COMMON}, ${SELDOM}` },
);

/** What a record `m` makes of a saga `s` in the columns that seldom change. */
export const SELDOM_SAGA_CHANGES = whereSeldom('m', 's', {
  cause: 'm.cause',
  attention: 'coalesce(m.attention, false)',
  paused: 'coalesce(m.paused, false)',
  past_pivot: 'coalesce(m.past_pivot, false)',
  turning: 'm.turning',
  given_up: 'coalesce(m.given_up, 0)',
  finished_by: 'm.finished_by',
});

function movedSaga(move: Move, changed: number, patch: JsonObject | null): Parted {
  const { before, after, leaseGraceMs, link } = move;
  let text = `${textField(before.id)},${before.rev},${after.rev - before.rev},${after.state},${changed}`;
  text += countField(after.openActions) + countField(after.openUndos) + flagField(isTerminal(after.state)) + numberField(wakesInMs(move));
  text += link === undefined ? ',,' : textField(link.pausedBy) + flagField(link.mindsDeadline);
  const isUsual = patch === null && leaseGraceMs === null && (link === undefined || link.reads === null) && isSeldomSame(before, after);
  return { text, rest: isUsual ? null : seldomFields(move, patch) };
}

function seldomFields(move: Move, patch: JsonObject | null): string {
  const { after, leaseGraceMs, link } = move;
  let text = `,t${jsonField(after.cause)}${flagField(after.attention)}${flagField(after.paused)}${flagField(after.pastPivot)}`;
  text += jsonField(after.turning) + countField(after.givenUp) + numberField(after.finishedBy) + jsonField(patch);
  text += leaseGraceMs === null ? ',,' : `,${delayMs(leaseGraceMs)}${flagField(timedOutBefore(move))}`;
  if (link === undefined || link.reads === null) return `${text},,,,`;
  const { direction, step, round } = link.operation;
  return `${text},${direction},${step},${round}${numbersField(link.reads.neighbours)}`;
}

function isSeldomSame(one: SagaValue, other: SagaValue): boolean {
  return (
    one.cause === other.cause &&
    one.attention === other.attention &&
    one.paused === other.paused &&
    one.pastPivot === other.pastPivot &&
    one.turning === other.turning &&
    one.givenUp === other.givenUp &&
    one.finishedBy === other.finishedBy
  );
}

/** Until the next sweep has to look; whatever waited for a resume is looked at now. */
function wakesInMs(move: Move): number | null {
  return move.before.paused && !move.after.paused ? 0 : earliestMs(move);
}

function differences(
  before: SagaValue,
  after: SagaValue,
): { readonly changed: readonly Operation[]; readonly added: readonly Operation[] } {
  const changed: Operation[] = [];
  const added: Operation[] = [];
  for (const [key, operation] of after.operations) {
    const previous = before.operations.get(key);
    if (previous === undefined) added.push(operation);
    else if (isChange(previous, operation)) changed.push(operation);
  }
  return { changed, added };
}

function isChange(previous: Operation | undefined, operation: Operation): boolean {
  return previous !== undefined && previous !== operation;
}

export function contextPatch(effects: readonly SagaEffect[]): JsonObject | null {
  return effects.find((effect): effect is ContextEffect => effect.type === 'context')?.patch ?? null;
}

/** Whether the lease that is taken away was decided as a timeout: a last heartbeat may have said so after the read. */
function timedOutBefore({ before, effects }: Move): boolean {
  const { step, direction, round } = historyEntriesOf(effects)[0];
  return before.operations.get(`${direction ?? 'action'}:${step ?? -1}:${round ?? 1}`)?.timedOut ?? false;
}
