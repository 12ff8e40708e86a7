import { describe, expect, it } from '@jest/globals';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import { arrangeUndos, type UndoPlace } from './undo-graph';

const POLICY: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 1 };

/** Steps by name, with those they wait for. A name that ends with `-` needs no undo. */
function planOf(shape: Readonly<Record<string, readonly string[]>>, undosAtOnce?: number): Plan {
  const names = Object.keys(shape);
  const steps = names.map((name) => {
    const dependsOn = (shape[name] ?? []).map((other) => names.indexOf(other));
    const compensation = name.endsWith('-') ? null : `undo.${name}`;
    return { name, action: `do.${name}`, compensation, dependsOn, actionPolicy: POLICY, undoPolicy: POLICY };
  });
  return { format: PLAN_FORMAT, name: 'spec', ...(undosAtOnce !== undefined && { undosAtOnce }), steps };
}

/** The undos by name, of a saga whose steps started as they are written. */
function arranged(plan: Plan): Readonly<Record<string, string>> {
  const name = (step: number): string => plan.steps[step]?.name ?? '';
  const places = arrangeUndos(plan, undoable(plan));
  return Object.fromEntries(places.map(({ step, waitsFor, wave }) => [name(step), [wave, ...waitsFor.map(name).sort()].join(' ')]));
}

function undoable(plan: Plan): readonly number[] {
  return plan.steps.flatMap(({ compensation }, step) => (compensation === null ? [] : [step])).reverse();
}

function row(length: number): Plan {
  return numbered(Array.from({ length }, (_, place) => (place === 0 ? [] : [place - 1])));
}

function numbered(waits: readonly (readonly number[])[], undosAtOnce?: number): Plan {
  const steps = waits.map((dependsOn, place) => {
    return { name: `s${place}`, action: 'do', compensation: 'undo', dependsOn, actionPolicy: POLICY, undoPolicy: POLICY };
  });
  return { format: PLAN_FORMAT, name: 'spec', ...(undosAtOnce !== undefined && { undosAtOnce }), steps };
}

function edges(places: readonly UndoPlace[]): number {
  return places.reduce((sum, { waitsFor }) => sum + waitsFor.length, 0);
}

describe('the order of undo', () => {
  it('is the reverse of the dependencies', () => {
    expect(arranged(planOf({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] }))).toEqual({ d: '1', c: '2 d', b: '2 d', a: '3 b c' });
  });

  it('reaches through steps that need no undo', () => {
    expect(arranged(planOf({ a: [], 'x-': ['a'], 'y-': ['x-'], b: ['y-'], c: ['x-'] }))).toEqual({ c: '1', b: '1', a: '2 b c' });
  });

  it('holds no branch back for another', () => {
    const shape = { a1: [], b1: [], a2: ['a1'], b2: ['b1'], a3: ['a2'], b3: ['b2'] };
    expect(arranged(planOf(shape))).toEqual({ b3: '1', a3: '1', b2: '2 b3', a2: '2 a3', b1: '3 b2', a1: '3 a2' });
    expect(arranged(planOf(shape, 3))).toEqual(arranged(planOf(shape)));
    expect(arranged(planOf(shape, 2))).toEqual(arranged(planOf(shape)));
  });

  it('is that of starts alone when one may run at a time', () => {
    const shape = { a: [], b: [], c: ['a'], d: [], e: ['b', 'd'] };
    expect(arranged(planOf(shape, 1))).toEqual({ e: '1', d: '2 e', c: '3 d', b: '4 c', a: '5 b' });
  });

  it('lets those that started later go first when there are too many', () => {
    expect(arranged(planOf({ a: [], b: [], c: [], d: [], e: [] }, 2))).toEqual({ e: '1', d: '1', c: '2 e', b: '2 d', a: '3 c' });
  });

  it('waits for no more than there are lanes, whatever the graph', () => {
    const group = (others: readonly number[]): readonly (readonly number[])[] => Array.from({ length: 300 }, () => others);
    const ids = (first: number): readonly number[] => Array.from({ length: 300 }, (_, n) => first + n);
    const plan = numbered([...group([]), ...group(ids(0)), ...group(ids(300))], 10);
    const places = arrangeUndos(plan, undoable(plan));
    expect(Math.max(...places.map(({ waitsFor }) => waitsFor.length))).toBe(10);
    expect(places.at(-1)?.wave).toBe(90);
  });

  it('says of each undo whom it releases', () => {
    for (const { step, releases, waitsFor } of arrangeUndos(row(4), [3, 2, 1, 0])) {
      expect([releases, waitsFor]).toEqual([step === 0 ? [] : [step - 1], step === 3 ? [] : [step + 1]]);
    }
  });

  const of = (length: number, waits: (place: number) => readonly number[]): readonly (readonly number[])[] =>
    Array.from({ length }, (_, place) => waits(place));
  const hub = of(10_000, (place) => (place < 5_000 ? [] : place === 5_000 ? of(5_000, (n) => [n]).flat() : [5_000]));
  const lanes = of(10_000, (place) => (place < 1_000 ? [] : [place % 1_000]));
  it.each([
    ['a row of ten thousand', row(10_000), 9_999],
    ['ten thousand beside each other', numbered(of(10_000, () => [])), 9_990],
    ['a hub between five thousand and as many', numbered(hub), 9_999],
    ['a thousand lanes', numbered(lanes, 1_000), 9_000],
  ])('waits for no more than it has to with %s', (_name, plan, expected) => {
    const from = process.cpuUsage();
    const places = arrangeUndos(plan, undoable(plan));
    const cpuMs = process.cpuUsage(from).user / 1_000; // a busy machine makes it late, not dear
    expect(edges(places)).toBe(expected);
    expect(cpuMs).toBeLessThan(5_000);
  });
});
