import { HandlerTable, type HandlerKind } from './handler-table';
import type { Operation } from './operation';
import type { Isolation } from './plan';
import type { RetryPolicy } from './retry-policy';

export type { HandlerKind };

/** What a process says about a handler it has: enough to make plans that name it, in this process or in another. */
export interface HandlerDeclaration {
  readonly direction: HandlerKind;
  /** Of a `verify`: the key of the action that it asks after. */
  readonly key: string;
  /** Undos: the action they undo when a plan names no compensation. */
  readonly undoes: string | null;
  readonly policy: HandlerPolicy;
}

/** What the next attempt of an operation runs. */
export function handlerKindOf(operation: Pick<Operation, 'direction' | 'verifying'>): Exclude<HandlerKind, 'condition'> {
  return operation.verifying ? 'verify' : operation.direction;
}

/** Times in milliseconds; what is left out falls back to the module's defaults. */
export interface HandlerPolicy {
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  readonly transactional?: true;
  readonly isolation?: Isolation;
  readonly onThrow?: 'failed' | 'unknown';
  /** Actions only. */
  readonly compensateOnFailure?: boolean;
  /** Actions only: the names of the context that it may set, and no others. Left out: any. */
  readonly sets?: readonly string[];
}

/** The handlers that plans may name: those of this process, and those that others have written into the store. */
export interface HandlerCatalog {
  find(direction: HandlerKind, key: string): HandlerDeclaration | undefined;
  /** Keys of the undos declared `for` this action. */
  undosOf(action: string): readonly string[];
  keys(direction: HandlerKind): readonly string[];
}

export function catalogOf(declarations: readonly HandlerDeclaration[]): HandlerCatalog {
  const table = new HandlerTable(declarations.map((declaration) => [declaration.direction, declaration.key, declaration]));
  const undosBy = new Map<string, string[]>();
  for (const { key, undoes } of table.of('undo').values()) {
    if (undoes !== null) undosBy.set(undoes, [...(undosBy.get(undoes) ?? []), key]);
  }
  return {
    find: (direction, key) => table.find(direction, key),
    undosOf: (action) => undosBy.get(action) ?? [],
    keys: (direction) => [...table.of(direction).keys()],
  };
}
