import { attemptEnded } from './attempt';
import { withAttention } from './attention';
import { claim } from './claim';
import { ignored, type Decision } from './decision';
import { deadlinePassed } from './deadline';
import type { SagaEvent } from './event';
import { sagaOrdered, stepOrdered } from './orders';
import type { Plan } from './plan';
import { reported } from './report';
import { isTerminal, type SagaValue } from './saga-value';
import { calledBack, waitOver, woken } from './wait';

/**
 * Decides what an event does to a saga. Pure: the same plan, saga and event give the same decision for ever.
 *
 * ```
 * started ──► completed                     every action settled well, or one of them finished the saga
 *    ├──────► compensating ──► compensated  every undo completed
 *    │             │  ▲  └───► failed       everything settled and nothing needed an undo
 *    │             ▼  │
 *    │           stuck                      an undo was exhausted; `compensate` tries it again, or a person
 *    │             ▲  │                     reports it done, which may complete the last one (`compensated`)
 *    ├─────────────┘  │                     nobody knows whether the pivot took effect; whoever finds out sends it
 *    │ ◄──────────────┘                     forward (`started`) or back (`compensating`, `failed`)
 *    └──────► failed                        turned back with nothing to wait for and nothing to undo
 *
 * and whichever has not ended ──► failed    a person terminated it as it was
 * ```
 */
export function transition(plan: Plan, saga: SagaValue, event: SagaEvent): Decision {
  if (!isTerminal(saga.state)) return withAttention(plan, saga, decide(plan, saga, event));
  const decision = isHeardAfterTheEnd(saga, event) ? decide(plan, saga, event) : ignored('terminal');
  return decision.kind === 'ignored' && decision.reason !== 'not-undone' ? ignored('terminal') : decision;
}

function decide(plan: Plan, saga: SagaValue, event: SagaEvent): Decision {
  switch (event.type) {
    case 'claim':
      return claim(plan, saga, event);
    case 'released':
    case 'completed':
    case 'failed':
    case 'verified':
    case 'lost':
    case 'lease-expired':
    case 'skipped':
    case 'suspended':
    case 'admitted':
      return attemptEnded(plan, saga, event);
    case 'reported':
      return reported(plan, saga, event);
    case 'called-back':
      return calledBack(plan, saga, event);
    case 'wait-over':
      return waitOver(plan, saga, event);
    case 'woken':
      return woken(plan, saga, event);
    case 'deadline':
      return deadlinePassed(plan, saga, event);
    case 'compensate':
    case 'cancel':
    case 'terminate':
    case 'pause':
    case 'resume':
    case 'acknowledge':
      return sagaOrdered(plan, saga, event);
    case 'retry-step':
    case 'skip-step':
      return stepOrdered(plan, saga, event);
    default:
      return assertNever(event);
  }
}

const COMES_LATE: readonly SagaEvent['type'][] = ['completed', 'suspended', 'called-back'];

/** A terminal state never changes. But an effect may come late, and then its undo has to run. */
function isHeardAfterTheEnd(saga: SagaValue, event: SagaEvent): boolean {
  switch (event.type) {
    case 'compensate':
    case 'reported':
    case 'retry-step':
    case 'acknowledge':
      return saga.attention;
    case 'cancel':
    case 'terminate':
    case 'pause':
    case 'resume':
    case 'skip-step':
    case 'deadline':
      return false;
    default:
      return event.operation.direction === 'action' ? COMES_LATE.includes(event.type) : event.operation.round > 1;
  }
}

function assertNever(event: never): never {
  throw new TypeError(`no rule for event ${JSON.stringify(event)}`);
}
