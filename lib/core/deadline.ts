import { raised } from './attention';
import { ignored, type Decision } from './decision';
import { draft, finish } from './draft';
import type { DeadlineEvent } from './event';
import type { Plan } from './plan';
import type { SagaValue } from './saga-value';
import { turn } from './turn';

/** The saga turns back, if there is a way back; a person is told, once, if there is none. */
export function deadlinePassed(plan: Plan, saga: SagaValue, event: DeadlineEvent): Decision {
  if (saga.paused) return ignored('paused');
  if (saga.state !== 'started' || saga.turning !== null) return ignored('already-compensating');
  const cause = { kind: 'deadline' } as const;
  if (!saga.pastPivot) return finish(event, turn(plan, saga, cause));
  return finish(event, raised(draft({ ...saga, turning: cause }, null)));
}
