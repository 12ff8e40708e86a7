import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { HandlerDeclaration } from '../core/handler-declaration';
import { isValidName, NAME_RULE, quoted } from '../core/names';
import { retryPolicyOf, retryPolicyProblems } from '../core/retry-policy';
import { COMPENSATE_METADATA, DEFINITION_METADATA, STEP_METADATA } from '../decorators/metadata';
import type { CompensateMetadata, HandlerOptions, SagaDefinitionOptions, StepMetadata } from '../decorators/metadata';
import type { Definition, DefinitionClass } from './definition';
import { definitionKey, readDefinition } from './definition-reader';
import { MethodCaller } from './method-caller';
import type { MethodHandler } from './method-handler';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** What an application has for one saga engine. */
export interface Discovered {
  readonly handlers: readonly MethodHandler[];
  readonly definitions: ReadonlyMap<DefinitionClass, Definition>;
  readonly problems: readonly string[];
}

interface DecoratedMethod {
  readonly name: string;
  readonly step: StepMetadata | undefined;
  readonly compensate: CompensateMetadata | undefined;
}

/** Reads the container once, at boot, and starts nothing. */
@Injectable()
export class SagaExplorer {
  private readonly reflector = new Reflector();
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly caller: MethodCaller,
  ) {}

  explore(instance: string): Discovered {
    const handlers: MethodHandler[] = [];
    const definitions = new Map<DefinitionClass, Definition>();
    const problems: string[] = [];
    const seen = new Set<unknown>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const type: unknown = wrapper.metatype;
      const methods = this.decoratedMethods(wrapper);
      const definition = typeof type === 'function' ? this.metadata<SagaDefinitionOptions>(DEFINITION_METADATA, type) : undefined;
      if (methods.length === 0 && definition === undefined) continue;
      if (!wrapper.isDependencyTreeStatic()) {
        problems.push(
          `${nameOf(wrapper)} is request-scoped or transient, and a saga step has no request: make it a singleton; what a step needs to know travels in options.metadata`,
        );
        continue;
      }
      const host: unknown = wrapper.instance;
      if (typeof host !== 'object' || host === null || seen.has(host)) continue;
      seen.add(host);
      if (definition !== undefined && typeof type === 'function') {
        if ((definition.instance ?? 'default') !== instance) continue;
        definitions.set(type, this.readDefinition(host, nameOf(wrapper), definition, methods, handlers, problems));
      } else {
        for (const method of methods) this.readMethod(host, nameOf(wrapper), instance, method, handlers, problems);
      }
    }
    problems.push(...duplicateProblems(handlers), ...duplicateSagas(definitions));
    return { handlers, definitions, problems };
  }

  private decoratedMethods(wrapper: Wrapper): readonly DecoratedMethod[] {
    const prototype: unknown = prototypeOf(wrapper);
    if (typeof prototype !== 'object' || prototype === null) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const method: unknown = (prototype as Record<string, unknown>)[name];
      if (typeof method !== 'function') return [];
      const step = this.metadata<StepMetadata>(STEP_METADATA, method);
      const compensate = this.metadata<CompensateMetadata>(COMPENSATE_METADATA, method);
      return step === undefined && compensate === undefined ? [] : [{ name, step, compensate }];
    });
  }

  private readMethod(
    host: object,
    owner: string,
    instance: string,
    method: DecoratedMethod,
    handlers: MethodHandler[],
    problems: string[],
  ): void {
    const where = `${owner}.${method.name}`;
    const { step, compensate } = method;
    if (step !== undefined && (step.instance ?? 'default') === instance) {
      for (const field of ['after', 'input', 'use'] as const) {
        if (step[field] !== undefined) problems.push(`@SagaStep on ${where}: "${field}" belongs to a step of a @SagaDefinition class`);
      }
      this.add(host, method.name, where, 'action', step.key, null, step, handlers, problems);
    }
    if (compensate !== undefined && (compensate.instance ?? 'default') === instance) {
      this.add(host, method.name, where, 'undo', compensate.key, compensate.for ?? null, compensate, handlers, problems);
    }
  }

  private readDefinition(
    host: object,
    className: string,
    options: SagaDefinitionOptions,
    methods: readonly DecoratedMethod[],
    handlers: MethodHandler[],
    problems: string[],
  ): Definition {
    for (const { name, step, compensate } of methods) {
      const where = `${className}.${name}`;
      if (step !== undefined && step.use === undefined) {
        this.add(host, name, where, 'action', definitionKey(options.name, step.key), null, step, handlers, problems);
      }
      if (compensate !== undefined) {
        if (compensate.for !== undefined)
          problems.push(`@Compensate on ${where}: in a @SagaDefinition class it undoes the step it names; remove "for"`);
        this.add(host, name, where, 'undo', definitionKey(options.name, compensate.key), null, compensate, handlers, problems);
      }
    }
    const steps = methods.flatMap(({ step }) => (step === undefined ? [] : [step]));
    const compensations = methods.flatMap(({ compensate }) => (compensate === undefined ? [] : [compensate]));
    return readDefinition({ className, options, steps, compensations }, problems);
  }

  private add(
    host: object,
    method: string,
    where: string,
    direction: 'action' | 'undo',
    key: string,
    undoes: string | null,
    options: HandlerOptions,
    handlers: MethodHandler[],
    problems: string[],
  ): void {
    const found = handlerProblems(direction, key, undoes, where, options);
    problems.push(...found);
    if (found.length > 0) return;
    const { timeoutMs, retry } = options;
    const policy = { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(retry === undefined ? {} : { retry: retryPolicyOf(retry) }) };
    const declaration: HandlerDeclaration = { direction, key, undoes, policy };
    handlers.push({ declaration, where, call: this.caller.callerOf(host, method) });
  }

  private metadata<T>(key: symbol, target: object): T | undefined {
    return this.reflector.get<T | undefined>(key as unknown as string, target as never);
  }
}

function handlerProblems(
  direction: 'action' | 'undo',
  key: string,
  undoes: string | null,
  where: string,
  options: HandlerOptions,
): readonly string[] {
  const decorator = direction === 'action' ? '@SagaStep' : '@Compensate';
  const problems = options.retry === undefined ? [] : retryPolicyProblems(options.retry);
  if (!isValidName(key)) problems.push(`the key ${quoted(key)} is not ${NAME_RULE}`);
  if (undoes !== null && !isValidName(undoes)) problems.push(`"for" ${quoted(undoes)} is not ${NAME_RULE}`);
  if (options.timeoutMs !== undefined && !(Number.isFinite(options.timeoutMs) && options.timeoutMs > 0))
    problems.push('timeoutMs must be a number above 0');
  return problems.map((problem) => `${decorator} on ${where}: ${problem}`);
}

function duplicateProblems(handlers: readonly MethodHandler[]): readonly string[] {
  const places = new Map<string, string[]>();
  for (const { declaration, where } of handlers) {
    const name = declaration.direction === 'action' ? `@SagaStep('${declaration.key}')` : `@Compensate('${declaration.key}')`;
    places.set(name, [...(places.get(name) ?? []), where]);
  }
  return [...places]
    .filter(([, found]) => found.length > 1)
    .map(([name, found]) => `${name} is on ${found.join(' and on ')}; a key has one handler (is the class a provider of two modules?)`);
}

function duplicateSagas(definitions: ReadonlyMap<DefinitionClass, Definition>): readonly string[] {
  const names = [...definitions.values()].map((definition) => definition.name);
  return [...new Set(names.filter((name, place) => names.indexOf(name) !== place))].map(
    (name) => `two @SagaDefinition classes are called "${name}"`,
  );
}

function prototypeOf(wrapper: Wrapper): unknown {
  const host: unknown = wrapper.instance;
  if (typeof host === 'object' && host !== null) return Object.getPrototypeOf(host);
  const type: unknown = wrapper.metatype;
  return typeof type === 'function' ? (type as { prototype?: unknown }).prototype : undefined;
}

function nameOf(wrapper: Wrapper): string {
  const host = wrapper.instance as { constructor?: { name?: unknown } } | null | undefined;
  const name = host?.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? name : String(wrapper.name);
}
