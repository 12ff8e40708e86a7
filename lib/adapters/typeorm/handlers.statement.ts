import type { HandlerDeclaration } from '../../core/handler-declaration';
import type { StoredHandler } from '../../ports/saga-store';
import { epochMs, type Statement } from './sql';

/** Never deletes: what this process no longer has, an older one beside it may still have. */
export function writeHandlersStatement(schema: string, group: string, declarations: readonly HandlerDeclaration[]): Statement {
  // One row a key, in one order: two processes that boot at once would otherwise wait for each other.
  const byKey = new Map(declarations.map((declaration) => [`${declaration.direction}:${declaration.key}`, declaration]));
  return {
    text: `INSERT INTO "${schema}".handlers (group_name, direction, key, declaration, last_seen)
           SELECT $1, d.value ->> 'direction', d.value ->> 'key', d.value, clock_timestamp()
             FROM jsonb_array_elements($2::jsonb) AS d(value) ORDER BY 2, 3
           ON CONFLICT (group_name, direction, key) DO UPDATE
              SET declaration = excluded.declaration, last_seen = excluded.last_seen, has_left = false`,
    values: [group, JSON.stringify([...byKey.values()])],
  };
}

export function leaveHandlersStatement(schema: string, group: string): Statement {
  return { text: `UPDATE "${schema}".handlers SET has_left = true WHERE group_name = $1 AND NOT has_left`, values: [group] };
}

export interface HandlerRow {
  readonly group_name: string;
  readonly declaration: HandlerDeclaration;
  readonly unseen_ms: number;
  readonly has_left: boolean;
}

export function readHandlersStatement(schema: string): Statement {
  return {
    text: `SELECT h.group_name, h.declaration, greatest(0, ${epochMs('clock_timestamp()')} - ${epochMs('h.last_seen')}) AS unseen_ms, h.has_left
             FROM "${schema}".handlers h ORDER BY h.group_name, h.direction, h.key`,
    values: [],
  };
}

export function toStoredHandler(row: HandlerRow): StoredHandler {
  return { group: row.group_name, declaration: row.declaration, unseenMs: row.unseen_ms, left: row.has_left };
}
