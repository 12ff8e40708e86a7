import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';

const ARGUMENTS = 'nest-saga:arguments';
/** Kinds of parameters in Nest's own numbers (`RouteParamtypes`, which it does not export). */
const BODY = 3;
const CUSTOM = 1;
/** The kind of execution context that guards, interceptors and pipes see: `context.getType() === 'saga'`. */
export const SAGA_CONTEXT_TYPE = 'saga';

type Caller = (payload: unknown, context: unknown) => Promise<unknown>;
type Method = (...args: unknown[]) => unknown;

/**
 * Calls a provider's method as Nest would: through its pipes, interceptors and guards. Exception filters are left out on purpose: a
 * filter that answers in place of an error would turn a failed step into a completed one.
 */
@Injectable()
export class MethodCaller {
  constructor(private readonly contexts: ExternalContextCreator) {}

  callerOf(instance: object, method: string): Caller {
    const callback = (instance as Record<string, Method>)[method];
    if (callback === undefined) throw new TypeError(`no method "${method}"`);
    this.describeArguments(instance, method);
    const parameters = {
      exchangeKeyForValue: (type: number, _data: unknown, args: unknown[]): unknown => args[type === BODY ? 0 : 1],
    };
    const options = { guards: true, interceptors: true, filters: false };
    return this.contexts.create(
      instance,
      callback,
      method,
      ARGUMENTS,
      parameters,
      undefined,
      undefined,
      options,
      SAGA_CONTEXT_TYPE,
    ) as Caller;
  }

  /**
   * Nest runs pipes only on parameters it knows of; a handler has two, the payload and the context. The payload is a body to them, for a
   * ValidationPipe looks at nothing else; the context is of a type that it leaves alone.
   */
  private describeArguments(instance: object, method: string): void {
    const parameters = {
      [`${BODY}:0`]: { index: 0, data: undefined, pipes: [] },
      [`${CUSTOM}:1`]: { index: 1, data: undefined, pipes: [] },
    };
    Reflect.defineMetadata(ARGUMENTS, parameters, instance.constructor, method);
  }
}
