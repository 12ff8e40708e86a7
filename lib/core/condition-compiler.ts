import { SagaInputError } from '../errors';
import type { Condition, ConditionSource, ConditionTest, OrderedTest } from './condition';
import { toJson, type Json } from './json';
import { isRecord } from './known-fields';
import { lengthOfName, quoted } from './names';
import type { PlanStep } from './plan';
import { ancestorsOf } from './plan-graph';
import { Reference } from './reference';
import { didYouMean } from './suggestion';

const ORDERED: readonly OrderedTest[] = ['above', 'atLeast', 'below', 'atMost'];
const TESTS: readonly string[] = ['equals', 'notEquals', ...ORDERED, 'in', 'exists'];
const COMBINATIONS: readonly string[] = ['and', 'or', 'not'];
const SOURCES: readonly string[] = ['path', 'of'];
const FORM = '{ path, equals } (or another test), { and: […] }, { or: […] }, { not: {…} } or the key of a @SagaCondition';

const DEEPEST = 16;
/** Of the values that a condition compares with, in bytes: they are part of the plan. */
const MOST_BYTES = 4_096;

/** Makes the condition of a step out of what a caller wrote; what is wrong is named in `problems`, and then it answers null. */
export class ConditionCompiler {
  private readonly names: readonly string[];

  constructor(
    private readonly steps: readonly Pick<PlanStep, 'name' | 'dependsOn'>[],
    private readonly problems: string[],
  ) {
    this.names = steps.map(({ name }) => name);
  }

  compile(when: unknown, place: number): Condition | null {
    const before = this.problems.length;
    const condition = this.condition(when, place, 0);
    return this.problems.length === before ? condition : null;
  }

  private condition(spec: unknown, place: number, depth: number): Condition | null {
    if (!isRecord(spec)) return this.refuse(place, `its condition is ${quoted(spec)}, not ${FORM}`);
    if (depth > DEEPEST) return this.refuse(place, `its condition is nested deeper than ${DEEPEST} levels`);
    const fields = Object.keys(spec);
    const combination = fields.find((field) => COMBINATIONS.includes(field));
    const allowed = combination === undefined ? [...SOURCES, ...TESTS] : [combination];
    const unknown = fields.filter((one) => !allowed.includes(one));
    for (const field of unknown) {
      if (combination !== undefined) this.refuse(place, `its condition has ${quoted(field)} beside "${combination}", which stands alone`);
      else this.refuse(place, `its condition has an unknown field ${quoted(field)}${didYouMean(field, [...allowed, ...COMBINATIONS])}`);
    }
    if (combination === undefined) return this.leaf(spec, place, unknown.length === 0);
    const inner = spec[combination];
    if (combination === 'not') {
      const not = this.condition(inner, place, depth + 1);
      return not === null ? null : { not };
    }
    if (!Array.isArray(inner) || inner.length === 0)
      return this.refuse(place, `"${combination}" of its condition must be a list of conditions`);
    const parts = inner.flatMap((part) => this.condition(part, place, depth + 1) ?? []);
    return combination === 'and' ? { all: parts } : { any: parts };
  }

  private leaf(spec: Readonly<Record<string, unknown>>, place: number, isReadable: boolean): Condition | null {
    const of = this.source(spec, place);
    const tests = TESTS.filter((test) => spec[test] !== undefined).map((test) => this.test(test, spec[test], place));
    if (tests.length === 0 && !isReadable) return null; // a test was misspelt, and that has been said
    if (tests.length === 0) return this.refuse(place, `its condition asks nothing of the value; add one of ${TESTS.join(', ')}`);
    if (of === null) return null;
    const all = tests.flatMap((is): Condition[] => (is === null ? [] : [{ of, is }]));
    const [only] = all;
    return only !== undefined && all.length === 1 ? only : { all };
  }

  private test(op: string, given: unknown, place: number): ConditionTest | null {
    if (op === 'exists') {
      if (typeof given === 'boolean') return { op, value: given };
      return this.refuse(place, '"exists" of its condition must be true or false');
    }
    const value = this.value(given, op, place);
    if (op === 'in') {
      if (Array.isArray(value) && value.length > 0) return { op, values: value as readonly Json[] };
      return this.refuse(place, '"in" of its condition must be a list of values');
    }
    if (op === 'equals' || op === 'notEquals') return { op, value };
    if (typeof value === 'number' || typeof value === 'string') return { op: op as OrderedTest, value };
    return this.refuse(place, `"${op}" of its condition must be a number or a text`);
  }

  private value(given: unknown, test: string, place: number): Json {
    try {
      return toJson(given, `"${test}" of the condition of step "${this.names[place] ?? place}"`, { maxBytes: MOST_BYTES });
    } catch (error) {
      if (!(error instanceof SagaInputError)) throw error;
      this.problems.push(error.message);
      return null;
    }
  }

  private source({ path, of }: Readonly<Record<string, unknown>>, place: number): ConditionSource | null {
    if (path !== undefined && of !== undefined) return this.refuse(place, 'its condition has "path" and "of"; say one of them');
    if (of !== undefined) {
      if (!(of instanceof Reference)) return this.refuse(place, `"of" of its condition is ${quoted(of)}, not a ref() or a contextRef()`);
      const otherwise = of.otherwise === undefined ? {} : { otherwise: this.value(of.otherwise.value, 'of', place) };
      if (of.source.kind === 'context') return { step: null, path: of.path, ...otherwise };
      const step = this.step(of.source.step, place);
      return step === null ? null : { step, path: of.path, ...otherwise };
    }
    if (typeof path !== 'string') return this.refuse(place, 'its condition needs a "path" (or an "of") that says what it looks at');
    const [root, ...rest] = path.split('.');
    if (rest.includes('')) return this.refuse(place, `the path ${quoted(path)} of its condition has an empty name`);
    if (root === 'context') return { step: null, path: rest };
    if (root !== 'outputs' || rest.length === 0)
      return this.refuse(
        place,
        `the path ${quoted(path)} of its condition must begin with "context." or "outputs.<step>."${didYouMean(root ?? '', ['context', 'outputs'])}`,
      );
    const length = lengthOfName(rest, this.names);
    const step = this.step(rest.slice(0, length).join('.'), place);
    return step === null ? null : { step, path: rest.slice(length) };
  }

  private step(name: string, place: number): number | null {
    const step = this.names.indexOf(name);
    if (step < 0)
      return this.refuse(
        place,
        `its condition looks at the output of ${quoted(name)}, which is not a step of this saga${didYouMean(name, this.names)}`,
      );
    if (!ancestorsOf(this.steps, place).has(step))
      return this.refuse(place, `its condition looks at the output of "${name}", which may not have settled by then; put it in dependsOn`);
    return step;
  }

  private refuse(place: number, problem: string): null {
    this.problems.push(`step "${this.names[place] ?? place}": ${problem}`);
    return null;
  }
}
