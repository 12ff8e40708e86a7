import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { quoted } from '../core/names';
import { didYouMean } from '../core/suggestion';
import type { SagaDefinitionOptions } from '../decorators/metadata';
import { classNameOf, decoratedMethodsOf, definitionOptionsOf, type DecoratedMethod, type Wrapper } from './decorated-methods';
import type { Definition, DefinitionClass } from './definition';
import { definitionKey, readDefinition } from './definition-reader';
import { HandlerCollector, type Host, type HostMethod } from './handler-collector';
import { MethodCaller } from './method-caller';
import type { MethodHandler } from './method-handler';
import { strayProblems } from './stray-instances';

/** What an application has for one saga engine. */
export interface Discovered {
  readonly handlers: readonly MethodHandler[];
  readonly definitions: ReadonlyMap<DefinitionClass, Definition>;
  readonly problems: readonly string[];
}

/** Reads the container once, at boot, and starts nothing. */
@Injectable()
export class SagaExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly caller: MethodCaller,
  ) {}

  /** @param instances names of all the application's engines, this one among them */
  explore(instance: string, instances: readonly string[]): Discovered {
    const found = new HandlerCollector(this.caller);
    const definitions = new Map<DefinitionClass, Definition>();
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const methods = decoratedMethodsOf(wrapper);
      const options = definitionOptionsOf(wrapper);
      if (methods.length === 0 && options === undefined) continue;
      const host = hostOf(wrapper, found);
      if (host === null || seen.has(host.instance)) continue; // an alias, or a provider that two modules share
      seen.add(host.instance);
      found.problems.push(...strayProblems(host.className, methods, options, instances));
      if (options === undefined) readHandlers(host, instance, methods, found);
      else if (isFor(instance, options)) definitions.set(host.instance.constructor, readSaga(host, options, methods, found));
    }
    return {
      handlers: found.handlers,
      definitions,
      problems: [...found.problems, ...found.duplicates(), ...found.strayVerifiers(), ...duplicateSagas(definitions)],
    };
  }
}

function hostOf(wrapper: Wrapper, found: HandlerCollector): Host | null {
  if (!wrapper.isDependencyTreeStatic()) {
    found.problems.push(
      `${classNameOf(wrapper)} is request-scoped or transient, and a saga step has no request: make it a singleton; what a step needs to know travels in options.metadata`,
    );
    return null;
  }
  const instance: unknown = wrapper.instance;
  return typeof instance === 'object' && instance !== null ? { instance, type: wrapper.metatype, className: classNameOf(wrapper) } : null;
}

/** Adds the handlers of one provider that is no saga itself. */
export function readHandlers(host: Host, instance: string, methods: readonly DecoratedMethod[], found: HandlerCollector): void {
  for (const { name, step, compensate, verify, condition } of methods) {
    const at: HostMethod = { ...host, method: name };
    if (condition !== undefined && isFor(instance, condition)) found.addCondition(at, condition.key, condition);
    if (verify !== undefined && isFor(instance, verify)) found.addVerify(at, verify.key, verify);
    if (step !== undefined && isFor(instance, step)) {
      for (const field of ['after', 'input', 'when', 'use', 'kind', 'compensation'] as const) {
        if (step[field] !== undefined) found.refuse('action', at, `"${field}" belongs to a step of a @SagaDefinition class`);
      }
      found.addAction(at, step.key, step);
    }
    if (compensate !== undefined && isFor(instance, compensate)) found.addUndo(at, compensate.key, compensate.for ?? null, compensate);
  }
}

/** Adds the handlers of a `@SagaDefinition` class, and answers its plan. */
export function readSaga(
  host: Host,
  options: SagaDefinitionOptions,
  methods: readonly DecoratedMethod[],
  found: HandlerCollector,
): Definition {
  const ownSteps = methods.flatMap(({ step }) => (step === undefined || step.use !== undefined ? [] : [step.key]));
  const names = methods.flatMap(({ step }) => (step === undefined ? [] : [step.key]));
  for (const { name, step, compensate, verify, condition } of methods) {
    const at: HostMethod = { ...host, method: name };
    if (condition !== undefined && names.includes(condition.key))
      found.addCondition(at, definitionKey(options.name, condition.key), condition);
    else if (condition !== undefined)
      found.refuse('condition', at, `${quoted(condition.key)} is no step of this saga${didYouMean(condition.key, names)}`);
    if (verify !== undefined && ownSteps.includes(verify.key)) found.addVerify(at, definitionKey(options.name, verify.key), verify);
    else if (verify !== undefined)
      found.refuse('verify', at, `${quoted(verify.key)} is no method of this saga${didYouMean(verify.key, ownSteps)}`);
    if (step !== undefined && step.use === undefined) found.addAction(at, definitionKey(options.name, step.key), step);
    if (compensate === undefined) continue;
    if (compensate.for !== undefined) found.refuse('undo', at, 'in a @SagaDefinition class it undoes the step it names; remove "for"');
    found.addUndo(at, definitionKey(options.name, compensate.key), null, compensate);
  }
  const steps = methods.flatMap(({ step }) => (step === undefined ? [] : [step]));
  const compensations = methods.flatMap(({ compensate }) => (compensate === undefined ? [] : [compensate]));
  const conditions = methods.flatMap(({ condition }) => (condition === undefined ? [] : [condition.key]));
  return readDefinition({ className: host.className, options, steps, compensations, conditions }, found.problems);
}

function isFor(instance: string, of: { readonly instance?: string }): boolean {
  return (of.instance ?? 'default') === instance;
}

function duplicateSagas(definitions: ReadonlyMap<DefinitionClass, Definition>): readonly string[] {
  const names = [...definitions.values()].map((definition) => definition.name);
  const twice = names.filter((name, place) => names.indexOf(name) !== place);
  return [...new Set(twice)].map((name) => `two @SagaDefinition classes are called "${name}"`);
}
