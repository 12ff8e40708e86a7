import { isRecord } from '../core/known-fields';
import { lengthOfName } from '../core/names';
import { Reference } from '../core/reference';
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
  const rename = new Renaming(
    prefix,
    steps.flat().map((step) => step.name),
  );
  return steps.map((element) => (isGroup(element) ? element.map((step) => rename.step(step)) : rename.step(element)));
}

function isGroup(element: StepList[number]): element is readonly StepSpec[] {
  return Array.isArray(element);
}

/** As deep as data may be. */
const DEEPEST = 64;

class Renaming {
  constructor(
    private readonly prefix: string,
    private readonly names: readonly string[],
  ) {}

  step({ name, dependsOn, ...rest }: StepSpec): StepSpec {
    const fields = Object.entries(rest).map(([field, value]): [string, unknown] => [field, this.field(field, value)]);
    return {
      name: this.name(name),
      ...(dependsOn === undefined ? {} : { dependsOn: dependsOn.map((one) => this.name(one)) }),
      ...Object.fromEntries(fields),
    } as unknown as StepSpec;
  }

  /** The steps of a child saga have names of their own. */
  private field(field: string, value: unknown): unknown {
    if (field === 'saga') return value;
    return field === 'when' ? this.condition(value) : this.data(value);
  }

  private name(name: string): string {
    return this.names.includes(name) ? `${this.prefix}.${name}` : name;
  }

  private data(value: unknown, depth = 0): unknown {
    if (value instanceof Reference) return this.reference(value);
    return inside(value, depth, (item) => this.data(item, depth + 1));
  }

  private reference({ source, path, otherwise }: Reference): Reference {
    return new Reference(source.kind === 'output' ? { kind: 'output', step: this.name(source.step) } : source, path, otherwise);
  }

  /** Beside references it has paths in it, which are text. */
  private condition(value: unknown, depth = 0): unknown {
    if (value instanceof Reference) return this.reference(value);
    return inside(value, depth, (item, key) => (key === 'path' ? this.path(item) : this.condition(item, depth + 1)));
  }

  private path(path: unknown): unknown {
    if (typeof path !== 'string') return path;
    const [root, ...parts] = path.split('.');
    if (root !== 'outputs') return path;
    const length = lengthOfName(parts, this.names);
    return [root, this.name(parts.slice(0, length).join('.')), ...parts.slice(length)].join('.');
  }
}

/** A plain object or an array with something else in its places, and anything else as it is. */
function inside(value: unknown, depth: number, other: (item: unknown, key: string) => unknown): unknown {
  if (depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((item, place) => other(item, String(place)));
  if (!isRecord(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, other(item, key)]));
}
