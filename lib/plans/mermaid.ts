import type { FormedStep } from '../core/child-form';
import type { HandlerCatalog } from '../core/handler-declaration';
import { graphOf } from '../core/lint-view';
import type { PlainStep } from '../core/step-spec';
import { readPlan, type PlanSource, type PlanSourceOptions } from './plan-source';
import { actionOf, undoOf } from './undo-of';

/**
 * A plan as a Mermaid flowchart, for a README or a page: its steps, what they wait for, and their undos. A pivot is a hexagon, a retriable step
 * has round ends, an optional one a dashed border.
 *
 * @throws SagaPlanError
 */
export function toMermaid(source: PlanSource, options: PlanSourceOptions = {}): string {
  const { name, placed, catalog } = readPlan(source, options);
  const { parents } = graphOf(placed);
  const steps = placed.map(({ spec }) => spec);
  const ids = new Map(steps.map((step, place) => [step.name, `s${place + 1}`]));
  const idOf = (step: string): string => ids.get(step) ?? '';
  const lines = ['flowchart TD', `  start([${text(name)}])`];
  for (const step of steps) lines.push(`  ${idOf(step.name)}${shaped(step, catalog)}`);
  for (const step of steps) {
    const from = (parents.get(step.name) ?? []).map(idOf);
    const condition = conditionOf(step);
    const arrow = condition === null ? '-->' : `-- ${text(condition)} -->`;
    for (const parent of from.length > 0 ? from : ['start']) lines.push(`  ${parent} ${arrow} ${idOf(step.name)}`);
  }
  const optional = steps.filter(({ kind }) => kind === 'optional').map((step) => idOf(step.name));
  if (optional.length > 0) lines.push('  classDef optional stroke-dasharray: 5 5', `  class ${optional.join(',')} optional`);
  return `${lines.join('\n')}\n`;
}

function shaped(step: FormedStep, catalog: HandlerCatalog): string {
  const undo = undoOf(step, catalog);
  const label = text([step.name, actionOf(step), ...(undo === null ? [] : [`undo: ${undo}`])].join('\n'));
  if (step.kind === 'pivot') return `{{${label}}}`;
  return step.kind === 'retriable' ? `([${label}])` : `[${label}]`;
}

function conditionOf({ when }: PlainStep): string | null {
  if (when === undefined) return null;
  const spoken = typeof when === 'string' ? when : JSON.stringify(when);
  return `if ${spoken.length > 60 ? `${spoken.slice(0, 57)}...` : spoken}`;
}

/** Quoted, and what Mermaid would read as words of its own as entities. */
function text(words: string): string {
  const escaped = words.replace(/[#"<>&]/g, (sign) => `#${sign.charCodeAt(0)};`);
  return `"${escaped.replaceAll('\n', '<br/>')}"`;
}
