import 'reflect-metadata';
import { UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';

/** Under which keys Nest keeps the guards, interceptors and pipes of a class or a method: read from something that has one of each. */
const KEYS = keysOf(
  UseGuards({ canActivate: () => true }),
  UseInterceptors({ intercept: (_context, next) => next.handle() }),
  UsePipes({ transform: (value: unknown) => value }),
);

/** Guards, interceptors and pipes: what Nest runs around a method. */
export class Enhancers {
  constructor(private readonly application: ApplicationConfig) {}

  /**
   * Whether there may be any around this method. Only where it is certain that there is none the answer is no.
   *
   * @param type what Nest made the instance of
   */
  mayMeet(instance: object, type: unknown, method: object): boolean {
    if (!isMadeOf(type, instance) || this.areGlobal()) return true;
    return [type, instance.constructor, method].some((target) => KEYS.some((key) => Reflect.hasMetadata(key, target)));
  }

  private areGlobal(): boolean {
    const { application } = this;
    return [
      application.getGlobalGuards(),
      application.getGlobalRequestGuards(),
      application.getGlobalInterceptors(),
      application.getGlobalRequestInterceptors(),
      application.getGlobalPipes(),
      application.getGlobalRequestPipes(),
    ].some((enhancers) => enhancers.length > 0);
  }
}

/** Not so of what a factory returned: only Nest knows which class it takes that for. */
function isMadeOf(type: unknown, instance: object): type is new () => object {
  return typeof type === 'function' && Object.getPrototypeOf(instance) === type.prototype;
}

function keysOf(...decorators: readonly ClassDecorator[]): readonly unknown[] {
  return decorators.flatMap((decorate) => {
    const probe = (): void => undefined;
    decorate(probe);
    return Reflect.getMetadataKeys(probe) as readonly unknown[];
  });
}
