import { isRecord } from '../core/known-fields';
import { ref, Reference } from '../core/reference';
import type { StepList, StepSpec } from '../core/step-spec';

/**
 * The same steps under names of their own, so that one list can be used twice in a saga: `charge` becomes `payment.charge`, also where
 * the steps of the list depend on each other or refer to each other's outputs. Other names are left as they are.
 *
 * @example
 * const steps = [...fragment('deposit', payment), { name: 'ship', action: 'shipping.send' }, ...fragment('balance', payment)];
 * // after it: ref('deposit.charge', 'transaction')
 */
export function fragment(prefix: string, steps: StepList): StepList {
  const names = new Set(steps.flat().map((step) => step.name));
  const named = (name: string): string => (names.has(name) ? `${prefix}.${name}` : name);
  const renamed = (step: StepSpec): StepSpec => {
    const { name, dependsOn, ...rest } = step;
    const fields = Object.entries(rest).map(([field, value]): [string, unknown] => [
      field,
      field === 'saga' ? value : referring(value, named),
    ]);
    return {
      name: named(name),
      ...(dependsOn === undefined ? {} : { dependsOn: dependsOn.map(named) }),
      ...Object.fromEntries(fields),
    } as unknown as StepSpec;
  };
  return steps.map((element) => (isGroup(element) ? element.map(renamed) : renamed(element)));
}

function isGroup(element: StepList[number]): element is readonly StepSpec[] {
  return Array.isArray(element);
}

/** As deep as data may be. */
const DEEPEST = 64;

function referring(value: unknown, named: (name: string) => string, depth = 0): unknown {
  if (value instanceof Reference) return value.source.kind === 'output' ? ref(named(value.source.step), ...value.path) : value;
  if (depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((item) => referring(item, named, depth + 1));
  if (!isRecord(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, referring(item, named, depth + 1)]));
}
