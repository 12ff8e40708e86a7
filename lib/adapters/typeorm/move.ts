import type { ContextEffect, SagaEffect } from '../../core/effect';
import type { JsonObject } from '../../core/json';
import type { Operation } from '../../core/operation';
import { isTerminal, type SagaValue } from '../../core/saga-value';
import type { Link } from './chain-link';
import { historyEntriesOf, toldHistory, type ToldHistory } from './history-record';
import { changedRecords, earliestMs, newRecords, type Recording } from './operation-record';
import { countField, flagField, jsonField, numberField, numbersField, record, textField, type RecordType } from './record-text';
import { delayMs, lengthOf } from './sql';

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
  readonly saga: string;
  readonly changed: readonly Operation[];
  readonly changes: readonly string[];
  readonly additions: readonly string[];
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
  const saga = sagaText(move, changed.length, patch);
  const changes = changedRecords(changed, before.operations, recording, told.within);
  const additions = newRecords(added, recording, NOTHING_TOLD);
  const bytes = saga.length + lengthOf(changes) + lengthOf(additions) + lengthOf(told.apart);
  const reads = link !== undefined && link.reads !== null;
  return { sagaId: before.id, saga, changed, changes, additions, entries: told.apart, patches: patch !== null, reads, bytes };
}

/** Of what is new the statement tells nothing but what it is. */
const NOTHING_TOLD: ToldHistory['within'] = new Map();

function sagaText(move: Move, changed: number, patch: JsonObject | null): string {
  const { before, after, leaseGraceMs } = move;
  let text = `${textField(before.id)},${before.rev},${after.rev - before.rev},${after.state},${changed}`;
  text += countField(after.openActions) + countField(after.openUndos) + jsonField(after.cause) + flagField(after.attention);
  text += flagField(after.paused) + flagField(after.pastPivot) + jsonField(after.turning) + countField(after.givenUp);
  text += numberField(after.finishedBy) + flagField(isTerminal(after.state)) + numberField(wakesInMs(move)) + jsonField(patch);
  text += leaseGraceMs === null ? ',,' : `,${delayMs(leaseGraceMs)}${flagField(timedOutBefore(move))}`;
  return record(text + linkFields(move.link));
}

/** A move of a saga as a statement gets it. */
export const MOVE_RECORD: RecordType = {
  name: 'move_record',
  fields: `id text, rev bigint, events int, state text, changed int, open_actions int, open_undos int, cause jsonb, attention boolean,
    paused boolean, past_pivot boolean, turning jsonb, given_up int, finished_by int, ends boolean, wake_ms float8, patch jsonb,
    grace_ms float8, timed_out boolean, next_paused_by text, next_minds_deadline boolean, next_direction text, next_step int,
    next_round int, next_neighbours int[]`,
};

function linkFields(link: Link | undefined): string {
  if (link === undefined) return ',,,,,,';
  const { operation, reads } = link;
  const terms = textField(link.pausedBy) + flagField(link.mindsDeadline);
  if (reads === null) return `${terms},,,,`;
  return `${terms},${operation.direction},${operation.step},${operation.round}${numbersField(reads.neighbours)}`;
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
