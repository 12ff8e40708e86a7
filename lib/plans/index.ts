export { lintPlan, type PlanFinding } from './lint-plan';
export { toMermaid } from './mermaid';
export type { PlanSource, PlanSourceOptions } from './plan-source';
export { undoTable, undoTableText } from './undo-table';
export type { UndoneStep, UndoRow } from './undo-table';
