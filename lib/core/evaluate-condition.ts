import type { Condition, ConditionSource, ConditionTest, OrderedTest } from './condition';
import { canonicalJson, type Json } from './json';
import type { Plan } from './plan';
import { valueOf, type Resolvable } from './reference';

/** Whether a condition holds, and what was compared: `context.requiresApproval is false, not true`. */
export interface Verdict {
  readonly holds: boolean;
  readonly said: string;
}

const NAMED_AT_MOST = 3;
const LONGEST_VALUE = 40;
const LONGEST_NAME = 100;

/** Pure: the same outputs and the same context give the same answer at every attempt. */
export function evaluate(condition: Condition, plan: Plan, from: Resolvable): Verdict {
  if ('not' in condition) {
    const { holds, said } = evaluate(condition.not, plan, from);
    return { holds: !holds, said };
  }
  if ('of' in condition) return tested(condition.is, nameOf(condition.of, plan), valueOf(condition.of, from));
  const isAll = 'all' in condition;
  const verdicts = (isAll ? condition.all : condition.any).map((part) => evaluate(part, plan, from));
  const decisive = verdicts.find(({ holds }) => holds !== isAll);
  if (decisive !== undefined) return decisive;
  return { holds: isAll, said: listed(verdicts.map(({ said }) => said)) };
}

function tested(test: ConditionTest, name: string, value: Json | undefined): Verdict {
  const is = `${name} is ${shown(value)}`;
  const expected = (holds: boolean, what: string): Verdict => ({ holds, said: holds ? is : `${is}, not ${what}` });
  switch (test.op) {
    case 'equals':
      return expected(value !== undefined && isSame(value, test.value), shown(test.value));
    case 'notEquals':
      return { holds: value !== undefined && !isSame(value, test.value), said: is };
    case 'in':
      return expected(value !== undefined && test.values.some((one) => isSame(value, one)), `one of ${listed(test.values.map(shown))}`);
    case 'exists':
      return { holds: (value !== undefined) === test.value, said: `${name} ${value === undefined ? 'is missing' : 'exists'}` };
    default:
      return expected(isOrdered(test.op, value, test.value), `${WORDS[test.op]} ${shown(test.value)}`);
  }
}

const WORDS: Readonly<Record<OrderedTest, string>> = { above: 'above', atLeast: 'at least', below: 'below', atMost: 'at most' };

function isOrdered(op: OrderedTest, value: Json | undefined, limit: Json): boolean {
  const isComparable = (typeof value === 'number' || typeof value === 'string') && typeof value === typeof limit;
  if (!isComparable) return false;
  const [a, b] = [value, limit as number | string];
  switch (op) {
    case 'above':
      return a > b;
    case 'atLeast':
      return a >= b;
    case 'below':
      return a < b;
    case 'atMost':
      return a <= b;
  }
}

function isSame(a: Json, b: Json): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && canonicalJson(a) === canonicalJson(b));
}

function nameOf({ step, path }: ConditionSource, plan: Plan): string {
  const source = step === null ? ['context'] : ['outputs', plan.steps[step]?.name ?? String(step)];
  return cut([...source, ...path].join('.'), LONGEST_NAME);
}

/** Data may be large, and ends up in the history: only what is short is repeated. */
function shown(value: Json | undefined): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return JSON.stringify(cut(value, LONGEST_VALUE));
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return 'an object';
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...`.toWellFormed() : text;
}

function listed(texts: readonly string[]): string {
  const unnamed = texts.length - NAMED_AT_MOST;
  return [...texts.slice(0, NAMED_AT_MOST), ...(unnamed > 0 ? [`${unnamed} more`] : [])].join(' and ');
}
