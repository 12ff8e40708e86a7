import type { OrderedBy, PausedAction } from '../../ports/paused-action';
import { epochMs, type Statement } from './sql';

export function pauseStatement(schema: string, action: string, { reason, actor }: OrderedBy): Statement {
  return {
    text: `INSERT INTO "${schema}".pauses (key, reason, actor) VALUES ($1, $2, $3) ON CONFLICT (key) WHERE resumed_at IS NULL DO NOTHING`,
    values: [action, reason, actor],
  };
}

/** The row stays: it says who paused the action, who resumed it, and why. */
export function resumeStatement(schema: string, action: string, { reason, actor }: OrderedBy): Statement {
  return {
    text: `UPDATE "${schema}".pauses SET resumed_at = clock_timestamp(), resumed_reason = $2, resumed_by = $3
            WHERE key = $1 AND resumed_at IS NULL`,
    values: [action, reason, actor],
  };
}

export interface PauseRow {
  readonly key: string;
  readonly at: number;
  readonly reason: string | null;
  readonly actor: string | null;
}

export function pausesStatement(schema: string): Statement {
  return {
    text: `SELECT p.key, ${epochMs('p.at')} AS at, p.reason, p.actor FROM "${schema}".pauses p WHERE p.resumed_at IS NULL ORDER BY p.at, p.key`,
    values: [],
  };
}

export function toPausedAction({ key, at, reason, actor }: PauseRow): PausedAction {
  return { action: key, at: new Date(at), reason, actor };
}
