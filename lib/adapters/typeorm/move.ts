import type { ContextEffect, SagaEffect } from '../../core/effect';
import type { JsonObject } from '../../core/json';
import type { Operation } from '../../core/operation';
import { isTerminal, type SagaValue } from '../../core/saga-value';
import type { Link } from './chain-link';
import { historyEntriesOf, historyTexts } from './history-record';
import { changedRecords, earliestMs, newRecords, type Recording } from './operation-record';
import { delayMs } from './sql';

/** A decision on its way into the database. */
export interface Move extends Omit<Recording, 'sagaId'> {
  readonly before: SagaValue;
  readonly after: SagaValue;
  /** Taking a lease away: how long it must have been over. Heartbeats extend leases without raising `rev`. */
  readonly leaseGraceMs: number | null;
}

/** A decision as JSON, encoded once, so that its size is known before it joins a batch. */
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
  const { before, after, effects } = move;
  const { changed, added } = differences(before, after);
  const patch = contextPatch(effects);
  const recording = { ...move, sagaId: before.id };
  const saga = JSON.stringify({
    id: before.id,
    rev: before.rev,
    events: after.rev - before.rev,
    state: after.state,
    open_actions: after.openActions || undefined,
    open_undos: after.openUndos || undefined,
    cause: after.cause ?? undefined,
    attention: after.attention || undefined,
    paused: after.paused || undefined,
    past_pivot: after.pastPivot || undefined,
    turning: after.turning ?? undefined,
    given_up: after.givenUp || undefined,
    finished_by: after.finishedBy ?? undefined,
    ends: isTerminal(after.state) || undefined,
    wake_ms: wakesInMs(move) ?? undefined,
    changed: changed.length,
    grace_ms: move.leaseGraceMs === null ? undefined : delayMs(move.leaseGraceMs),
    timed_out: timedOutBefore(move) || undefined,
    patch: patch ?? undefined,
    ...linkRecord(move.link),
  });
  const changes = changedRecords(changed, before.operations, recording).map((record) => JSON.stringify(record));
  const additions = newRecords(added, recording).map((record) => JSON.stringify(record));
  const entries = historyTexts(before.id, effects, after.rev);
  const bytes = [saga, ...changes, ...additions, ...entries].reduce((sum, text) => sum + text.length, 0);
  const reads = move.link !== undefined && move.link.reads !== null;
  return { sagaId: before.id, saga, changed, changes, additions, entries, patches: patch !== null, reads, bytes };
}

/** The fields of a move as a statement reads them; what is null, 0 or false is left out. */
export const MOVE_RECORD = `(id text, rev bigint, events int, state text, open_actions int, open_undos int, cause jsonb, attention boolean,
  paused boolean, past_pivot boolean, turning jsonb, given_up int, finished_by int, ends boolean, wake_ms float8, changed int, grace_ms float8,
  timed_out boolean, patch jsonb, next_paused_by text, next_minds_deadline boolean, next_direction text, next_step int, next_round int,
  next_neighbours int[])`;

function linkRecord(link: Link | undefined): object {
  if (link === undefined) return {};
  const { operation, reads } = link;
  return {
    next_paused_by: link.pausedBy ?? undefined,
    next_minds_deadline: link.mindsDeadline || undefined,
    ...(reads !== null && {
      next_direction: operation.direction,
      next_step: operation.step,
      next_round: operation.round,
      next_neighbours: reads.neighbours ?? undefined,
    }),
  };
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
    else if (previous !== operation) changed.push(operation);
  }
  return { changed, added };
}

export function contextPatch(effects: readonly SagaEffect[]): JsonObject | null {
  return effects.find((effect): effect is ContextEffect => effect.type === 'context')?.patch ?? null;
}

/** Whether the lease that is taken away was decided as a timeout: a last heartbeat may have said so after the read. */
function timedOutBefore({ before, effects }: Move): boolean {
  const { step, direction, round } = historyEntriesOf(effects)[0];
  return before.operations.get(`${direction ?? 'action'}:${step ?? -1}:${round ?? 1}`)?.timedOut ?? false;
}
