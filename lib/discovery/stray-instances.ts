import { quoted } from '../core/names';
import { didYouMean } from '../core/suggestion';
import type { SagaDefinitionOptions } from '../decorators/metadata';
import type { DecoratedMethod } from './decorated-methods';

interface Claim {
  readonly where: string;
  readonly of: { readonly instance?: string };
}

/** Handlers and sagas of an engine that the application does not have: nobody would ever call them. */
export function strayProblems(
  className: string,
  methods: readonly DecoratedMethod[],
  definition: SagaDefinitionOptions | undefined,
  instances: readonly string[],
): readonly string[] {
  const ofMethods = (): readonly Claim[] => methods.flatMap((method) => claimsOf(className, method));
  const claims = definition === undefined ? ofMethods() : [{ where: `@SagaDefinition ${className}`, of: definition }];
  return claims.flatMap(({ where, of: { instance = 'default' } }) => {
    if (instances.includes(instance)) return [];
    const guess = typeof instance === 'string' ? didYouMean(instance, instances) : '';
    const known = instances.map((name) => `"${name}"`).join(', ');
    return [`${where}: no SagaModule is called ${quoted(instance)}${guess}; set its "instance" to one that the application has: ${known}`];
  });
}

function claimsOf(className: string, { name, step, compensate, verify, condition }: DecoratedMethod): readonly Claim[] {
  const at = `${className}.${name}`;
  return [
    ...(step === undefined ? [] : [{ where: `@SagaStep on ${at}`, of: step }]),
    ...(compensate === undefined ? [] : [{ where: `@Compensate on ${at}`, of: compensate }]),
    ...(verify === undefined ? [] : [{ where: `@Verify on ${at}`, of: verify }]),
    ...(condition === undefined ? [] : [{ where: `@SagaCondition on ${at}`, of: condition }]),
  ];
}
