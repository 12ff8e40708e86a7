import { SagaInvariantError } from '../errors';
import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import type { HandlerContext, StepInvoker, StepSchemas } from '../ports/step-invoker';
import type { MethodHandler } from './method-handler';

/** The handlers of one application, sealed at boot. A Map, so that a key called `constructor` is just a key. */
export class HandlerRegistry implements StepInvoker {
  readonly declarations: readonly HandlerDeclaration[];
  private readonly byKey: ReadonlyMap<string, MethodHandler>;

  constructor(readonly handlers: readonly MethodHandler[]) {
    this.declarations = handlers.map((handler) => handler.declaration);
    this.byKey = new Map(handlers.map((handler) => [`${handler.declaration.direction}:${handler.declaration.key}`, handler]));
  }

  has(direction: HandlerKind, key: string): boolean {
    return this.byKey.has(`${direction}:${key}`);
  }

  schemasOf(direction: HandlerKind, key: string): StepSchemas | undefined {
    return this.byKey.get(`${direction}:${key}`)?.schemas;
  }

  async invoke(direction: HandlerKind, key: string, payload: unknown, context: HandlerContext): Promise<unknown> {
    const handler = this.byKey.get(`${direction}:${key}`);
    if (handler === undefined) throw new SagaInvariantError(`no handler for ${direction} "${key}"`);
    return handler.call(payload, context);
  }
}
