import { isRecord } from '../core/known-fields';
import { quoted } from '../core/names';
import { retryPolicyOf, retryPolicyProblems, type RetryOptions, type RetryPolicy } from '../core/retry-policy';
import { didYouMean } from '../core/suggestion';

/** `setTimeout` fires at once for anything longer. */
const LONGEST_MS = 2_147_483_647;

/** Looks at options one by one and gathers what is wrong; what is wrong is replaced by its default, so that nothing else fails. */
export class OptionChecker {
  readonly problems: string[] = [];

  refuse(name: string, reason: string): void {
    this.problems.push(`option "${name}" ${reason}`);
  }

  /** The object itself, or an empty one. */
  fields<T extends object>(value: T | undefined, known: readonly string[], name: string): Partial<T> {
    if (value === undefined) return {};
    if (!isRecord(value)) {
      this.problems.push(`${name === '' ? 'the options of SagaModule' : `option "${name}"`} must be an object { ${known.join(', ')} }`);
      return {};
    }
    const prefix = name === '' ? '' : `${name}.`;
    for (const field of Object.keys(value)) {
      if (!known.includes(field)) this.problems.push(`unknown option ${quoted(prefix + field)}${didYouMean(field, known)}`);
    }
    return value;
  }

  number(value: number | undefined, fallback: number, name: string, least: number, most = Infinity): number {
    if (value === undefined) return fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return value;
    this.refuse(name, `must be a number, ${least} or more${most === Infinity ? '' : ` and at most ${most}`}`);
    return fallback;
  }

  /** Milliseconds that a timer can wait. */
  time(value: number | undefined, fallback: number, name: string, least: number): number {
    return this.number(value, fallback, name, least, LONGEST_MS);
  }

  count(value: number | undefined, fallback: number, name: string, most: number): number {
    const checked = this.number(value, fallback, name, 0, most);
    if (Number.isInteger(checked)) return checked;
    this.refuse(name, 'must be a whole number');
    return fallback;
  }

  /** How old something may become, in milliseconds; null: for ever. */
  age(value: number | null | undefined, fallback: number | null, name: string): number | null {
    if (value === undefined) return fallback;
    return value === null ? null : this.number(value, 0, name, 0);
  }

  retry(value: RetryOptions | undefined, fallback: RetryPolicy | null, name: string): RetryPolicy | null {
    if (value === undefined) return fallback;
    const found = retryPolicyProblems(value);
    this.problems.push(...found.map((problem) => `option "${name}": ${problem}`));
    return found.length > 0 ? fallback : retryPolicyOf(value);
  }

  /** The first one when nothing is said. */
  oneOf<T extends string>(value: T | undefined, known: readonly [T, ...T[]], name: string): T {
    if (value === undefined || known.includes(value)) return value ?? known[0];
    this.refuse(name, `must be ${known.map((one) => `'${one}'`).join(' or ')}`);
    return known[0];
  }

  isTrue(value: boolean | undefined, fallback: boolean, name: string): boolean {
    if (value === undefined || typeof value === 'boolean') return value ?? fallback;
    this.refuse(name, 'must be true or false');
    return fallback;
  }
}
