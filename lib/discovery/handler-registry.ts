import { SagaInvariantError } from '../errors';
import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import { HandlerTable } from '../core/handler-table';
import type { HandlerContext, StepInvoker, StepSchemas } from '../ports/step-invoker';
import type { MethodHandler } from './method-handler';

/** The handlers of one application, sealed at boot. */
export class HandlerRegistry implements StepInvoker {
  readonly declarations: readonly HandlerDeclaration[];
  private readonly table: HandlerTable<MethodHandler>;

  constructor(readonly handlers: readonly MethodHandler[]) {
    this.declarations = handlers.map((handler) => handler.declaration);
    this.table = new HandlerTable(handlers.map((handler) => [handler.declaration.direction, handler.declaration.key, handler]));
  }

  has(direction: HandlerKind, key: string): boolean {
    return this.table.find(direction, key) !== undefined;
  }

  schemasOf(direction: HandlerKind, key: string): StepSchemas | undefined {
    return this.table.find(direction, key)?.schemas;
  }

  invoke(direction: HandlerKind, key: string, payload: unknown, context: HandlerContext): Promise<unknown> {
    const handler = this.table.find(direction, key);
    if (handler === undefined) return Promise.reject(new SagaInvariantError(`no handler for ${direction} "${key}"`));
    return handler.call(payload, context);
  }
}
