import { graphOf, type StepGraph } from '../core/lint-view';
import { CANNOT_FAIL } from '../core/own-actions';
import type { PlainStep } from '../core/step-spec';
import { readPlan, type PlanSource, type PlanSourceOptions } from './plan-source';
import { undoOf } from './undo-of';

/** What follows when one step of a plan fails. */
export interface UndoRow {
  /** The step that fails. */
  readonly step: string;
  readonly then: 'the saga turns back' | 'the saga goes on';
  /** What is undone, in order; the undos of one wave run beside each other. */
  readonly waves: readonly (readonly UndoneStep[])[];
}

export interface UndoneStep {
  readonly step: string;
  /** Key of the undo. */
  readonly undo: string;
  /** It runs beside the step that fails: it is undone if it has begun. */
  readonly maybe: boolean;
}

/**
 * For each step of a plan that can fail, as a pause cannot: if it fails, these undos run in this order.
 *
 * @throws SagaPlanError
 */
export function undoTable(source: PlanSource, options: PlanSourceOptions = {}): readonly UndoRow[] {
  const { placed, catalog } = readPlan(source, options);
  const graph = graphOf(placed);
  const steps = placed.map(({ spec }) => spec);
  const pivot = steps.find(({ kind }) => kind === 'pivot');
  const turnsBack = (step: PlainStep): boolean =>
    step.kind !== 'optional' &&
    step.kind !== 'retriable' &&
    (pivot === undefined || step === pivot || graph.ancestorsOf(pivot.name).has(step.name));
  const undos = new Map(steps.map((step) => [step.name, step === pivot ? null : undoOf(step, catalog)]));
  const canFail = steps.filter(({ action }) => !CANNOT_FAIL.includes(action));
  return canFail.map((failing): UndoRow => {
    if (!turnsBack(failing)) return { step: failing.name, then: 'the saga goes on', waves: [] };
    const undone = steps.map(({ name }) => name).filter((name) => undos.get(name) != null && mayHaveBegun(name, failing, graph));
    const row = (name: string): UndoneStep => {
      const maybe = name !== failing.name && !graph.ancestorsOf(failing.name).has(name);
      return { step: name, undo: undos.get(name) ?? '', maybe };
    };
    return { step: failing.name, then: 'the saga turns back', waves: wavesOf(undone, graph).map((wave) => wave.map(row)) };
  });
}

/**
 * The same as a Markdown table. Undos in brackets run if their step has begun.
 *
 * @throws SagaPlanError
 */
export function undoTableText(source: PlanSource, options: PlanSourceOptions = {}): string {
  const rows = undoTable(source, options).map(({ step, then, waves }) => {
    const spoken = waves.map((wave) => wave.map(({ undo, maybe }) => (maybe ? `(${undo})` : undo)).join(' + '));
    if (then === 'the saga goes on') return `| ${step} | ${then} |`;
    return `| ${step} | ${spoken.length === 0 ? 'nothing to undo' : spoken.join(', then ')} |`;
  });
  return ['| if this fails | these undos run |', '|---|---|', ...rows, ''].join('\n');
}

/** What comes after a step has not begun when it fails. The step itself is undone only if it says so. */
function mayHaveBegun(name: string, failing: PlainStep, graph: StepGraph): boolean {
  return name === failing.name ? failing.compensateOnFailure === true : !graph.ancestorsOf(name).has(failing.name);
}

/** A step is undone after everything that was built on it. */
function wavesOf(names: readonly string[], graph: StepGraph): readonly (readonly string[])[] {
  const waves: string[][] = [];
  let left = names;
  while (left.length > 0) {
    const free = left.filter((name) => !left.some((other) => graph.ancestorsOf(other).has(name)));
    if (free.length === 0) break; // steps that wait for each other: no plan at all
    waves.push([...free].reverse()); // what is written last probably began last
    left = left.filter((name) => !free.includes(name));
  }
  return waves;
}
