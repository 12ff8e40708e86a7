import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { Enhancers } from './enhancers';

const ARGUMENTS = 'nest-saga:arguments';
/** Kinds of parameters in Nest's own numbers (`RouteParamtypes`, which it does not export). */
const BODY = 3;
const CUSTOM = 1;
/** The kind of execution context that guards, interceptors and pipes see: `context.getType() === 'saga'`. */
export const SAGA_CONTEXT_TYPE = 'saga';

type Caller = (payload: unknown, context: unknown) => Promise<unknown>;
type Method = (...args: unknown[]) => unknown;

/**
 * Calls a provider's method as Nest would: through its pipes, interceptors and guards, and at once where there are none, for even then
 * Nest makes a dozen promises. Exception filters are left out on purpose: a filter that answers in place of an error would turn a failed step
 * into a completed one.
 */
@Injectable()
export class MethodCaller {
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly enhancers: Enhancers,
  ) {}

  /** @param type what Nest made the instance of */
  callerOf(instance: object, type: unknown, method: string): Caller {
    const callback = (instance as Record<string, Method>)[method];
    if (callback === undefined) throw new TypeError(`no method "${method}"`);
    return this.enhancers.mayMeet(instance, type, callback)
      ? this.throughNest(instance, callback, method)
      : this.directly(instance, callback);
  }

  private throughNest(instance: object, callback: Method, method: string): Caller {
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

  private directly(instance: object, callback: Method): Caller {
    return async (payload, context) => {
      const returned = callback.call(instance, payload, context);
      return mayBeObservable(returned) ? this.contexts.transformToResult(returned) : returned;
    };
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

/** To ask Nest costs another promise. */
function mayBeObservable(returned: unknown): boolean {
  return typeof returned === 'object' && returned !== null && 'subscribe' in returned;
}
