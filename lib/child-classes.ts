import { isRecord } from './core/known-fields';
import type { ChildSaga, SagaClass, StepList } from './core/step-spec';

/** Deeper than any plan may be: a list that contains itself ends here, and is refused as what it is. */
const DEEPEST = 10;

/** The same steps, with what each class among them says in its place; the core knows no classes. */
export function withoutClasses(list: StepList, definitionOf: (type: SagaClass) => ChildSaga, depth = 0): StepList {
  const formed = (element: unknown): unknown => {
    if (Array.isArray(element)) return element.map(formed);
    if (!isRecord(element) || !('saga' in element)) return element;
    const saga = typeof element['saga'] === 'function' ? definitionOf(element['saga'] as SagaClass) : element['saga'];
    if (!isRecord(saga) || !Array.isArray(saga['steps'])) return { ...element, saga };
    const { name, steps, deadlineMs, onStuck, ...rest } = saga as unknown as ChildSaga;
    return { ...element, saga: { ...rest, name, steps: withoutClasses(steps, definitionOf, depth + 1), deadlineMs, onStuck } };
  };
  return Array.isArray(list) && depth < DEEPEST && list.some(mayRunAnother) ? (list.map(formed) as unknown as StepList) : list;
}

function mayRunAnother(element: unknown): boolean {
  return Array.isArray(element) ? element.some(mayRunAnother) : isRecord(element) && 'saga' in element;
}
