import { CHILD, MAP } from './own-actions';
import { isRecord, unknownFieldProblems } from './known-fields';
import { quoted } from './names';
import { undosAtOnceProblem } from './plan';
import { Reference } from './reference';
import type { ChildSaga, ChildStep, MapStep, PlainStep } from './step-spec';

/** A step as the compiler takes it: one that runs another saga has that beside it. */
export interface FormedStep extends PlainStep {
  readonly child?: ChildSaga;
}

type Refuse = (problem: string) => void;

const CHILD_FIELDS = ['name', 'steps', 'deadlineMs', 'onStuck', 'undosAtOnce', 'schema', '$context'];
const MAP_FIELDS = ['over', 'action', 'compensation', 'limit', 'retry', 'timeoutMs'];

/** More would be one row too wide, and too long to wait for. */
export const MOST_ITEMS = 10_000;
const DEFAULT_LIMIT = 10;

/** `{ name, saga, context? }` */
export function childForm({ saga, context, ...rest }: ChildStep, refuse: Refuse): FormedStep {
  const { compensation: _none, ...step } = rest;
  const formed = { ...step, action: CHILD, compensation: CHILD, input: { context: context ?? {} } };
  const problems = problemsOf(saga);
  for (const problem of problems) refuse(problem);
  return problems.length > 0 ? formed : { ...formed, child: saga as ChildSaga };
}

function problemsOf(saga: unknown): readonly string[] {
  if (typeof saga === 'function') return [`saga is the class ${saga.name}, which only SagaService.start() and execute() can look up`];
  if (!isRecord(saga)) return [`saga must be { name, steps }, what defineSaga() made or a @SagaDefinition class, not ${quoted(saga)}`];
  const { deadlineMs, onStuck } = saga;
  const problems = unknownFieldProblems(saga, CHILD_FIELDS).map((problem) => `saga: ${problem}`);
  if (deadlineMs !== undefined && !(typeof deadlineMs === 'number' && Number.isFinite(deadlineMs) && deadlineMs > 0))
    problems.push('saga.deadlineMs must be a number of milliseconds above 0');
  if (onStuck !== undefined && onStuck !== 'halt' && onStuck !== 'continue') problems.push("saga.onStuck must be 'halt' or 'continue'");
  const ofUndos = undosAtOnceProblem(saga['undosAtOnce']);
  if (ofUndos !== null) problems.push(`saga.undosAtOnce ${ofUndos}`);
  return problems;
}

/** `{ name, map: { over, action, … } }`: planned as a saga of one step, which is repeated for each item when the list is known. */
export function mapForm({ map, ...rest }: MapStep, refuse: Refuse, saga: string): FormedStep {
  const { compensation: _none, ...step } = rest;
  const { over, limit = DEFAULT_LIMIT, ...item } = (isRecord(map) ? map : {}) as Partial<MapStep['map']>;
  const formed = { ...step, action: MAP, compensation: CHILD, input: { over, limit } };
  const problems = isRecord(map)
    ? unknownFieldProblems(map, MAP_FIELDS).map((problem) => `map: ${problem}`)
    : ['map must be { over, action }'];
  if (isRecord(map)) problems.push(...listProblems(over));
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST_ITEMS)) problems.push('map.limit must be a whole number from 1 to 10,000');
  for (const problem of problems) refuse(problem);
  if (problems.length > 0) return { ...formed, input: null };
  return { ...formed, child: { name: `${saga}.${step.name}`, steps: [{ ...item, name: 'item' } as PlainStep] } };
}

/** What is wrong with the list of a map, as it is written or as it was found when its turn came. */
export function listProblems(over: unknown): readonly string[] {
  if (over instanceof Reference) return [];
  if (!Array.isArray(over)) return [`map.over must be an array, or refer to one, not ${quoted(over)}`];
  return over.length > MOST_ITEMS ? [`map.over has ${over.length} items, more than ${MOST_ITEMS}`] : [];
}
