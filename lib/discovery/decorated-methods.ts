import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import 'reflect-metadata';
import {
  COMPENSATE_METADATA,
  CONDITION_METADATA,
  DEFINITION_METADATA,
  STEP_METADATA,
  VERIFY_METADATA,
  type CompensateMetadata,
  type ConditionMetadata,
  type SagaDefinitionOptions,
  type StepMetadata,
  type VerifyMetadata,
} from '../decorators/metadata';

/** A provider or a controller, as Nest's container wraps it. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

export interface DecoratedMethod {
  readonly name: string;
  readonly step: StepMetadata | undefined;
  readonly compensate: CompensateMetadata | undefined;
  readonly verify: VerifyMetadata | undefined;
  readonly condition: ConditionMetadata | undefined;
}

const scanner = new MetadataScanner();

/** The methods with one of our decorators, in the order in which they are written, inherited ones last. */
export function decoratedMethodsOf(wrapper: Wrapper): readonly DecoratedMethod[] {
  const prototype = prototypeOf(wrapper);
  if (typeof prototype !== 'object' || prototype === null) return [];
  return scanner.getAllMethodNames(prototype).flatMap((name) => {
    const method: unknown = (prototype as Record<string, unknown>)[name];
    if (typeof method !== 'function') return [];
    const step = metadataOf<StepMetadata>(STEP_METADATA, method);
    const compensate = metadataOf<CompensateMetadata>(COMPENSATE_METADATA, method);
    const verify = metadataOf<VerifyMetadata>(VERIFY_METADATA, method);
    const condition = metadataOf<ConditionMetadata>(CONDITION_METADATA, method);
    const isDecorated = [step, compensate, verify, condition].some((metadata) => metadata !== undefined);
    return isDecorated ? [{ name, step, compensate, verify, condition }] : [];
  });
}

export function definitionOptionsOf(wrapper: Wrapper): SagaDefinitionOptions | undefined {
  const type: unknown = wrapper.metatype;
  return typeof type === 'function' ? metadataOf<SagaDefinitionOptions>(DEFINITION_METADATA, type) : undefined;
}

/** The name that people know a provider by. */
export function classNameOf(wrapper: Wrapper): string {
  const host = wrapper.instance as { constructor?: { name?: unknown } } | null | undefined;
  const name = host?.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? name : String(wrapper.name);
}

function metadataOf<T>(key: symbol, target: object): T | undefined {
  return Reflect.getMetadata(key, target) as T | undefined;
}

/** Of the instance; of the class when there is none yet, as with a request-scoped provider. */
function prototypeOf(wrapper: Wrapper): unknown {
  const host: unknown = wrapper.instance;
  if (typeof host === 'object' && host !== null) return Object.getPrototypeOf(host);
  const type: unknown = wrapper.metatype;
  return typeof type === 'function' ? (type as { prototype?: unknown }).prototype : undefined;
}
