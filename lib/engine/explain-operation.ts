import { keyOf, policyOf } from '../core/draft';
import type { HandlerKind } from '../core/handler-declaration';
import { attemptsOf, isSettled, operationKey, type Operation, type OperationKey } from '../core/operation';
import { isTerminal, type SagaValue } from '../core/saga-value';
import { isGivenUp } from '../core/undo-order';
import type { InspectedOperation, InspectedSaga, OrderedBy, PausedAction } from '../ports/saga-store';
import { spoken } from './spoken-time';

/** What is not in the saga itself. */
export interface Surroundings {
  /** How long after its lease an operation is left alone. */
  readonly graceMs: number;
  /** A process that is there has this handler. */
  readonly isOffered: (kind: HandlerKind, key: string) => boolean;
  /** Who paused the saga, if it is paused. */
  readonly pausedBy: OrderedBy | null;
}

/** What one operation waits for. `kind` decides what a person may do about it. */
export interface Situation {
  readonly kind: 'running' | 'retrying' | 'due' | 'action-paused' | 'no-handler' | 'given-up';
  readonly operation: Operation;
  readonly step: string;
  /** Key of the handler. */
  readonly key: string;
  /** A sentence without its full stop. */
  readonly where: string;
  readonly next: { readonly what: string; readonly inMs: number | null } | null;
}

/** Everything that is under way or was given up, what runs first. */
export function situationsOf(inspected: InspectedSaga, around: Surroundings): readonly Situation[] {
  const { saga } = inspected.stored;
  const isOpen = (operation: Operation): boolean => !isSettled(operation) && operation.state !== 'pending';
  // The undo that was given up of a saga that a person has terminated is nobody's business any more.
  const isWaitedFor = (operation: Operation): boolean => isGivenUp(operation) && (!isTerminal(saga.state) || saga.attention);
  const operations = [...saga.operations.values()].filter((operation) => isOpen(operation) || isWaitedFor(operation));
  const rank = ({ state }: Operation): number => ['running', 'started', 'retrying'].indexOf(state);
  return operations
    .sort((a, b) => rank(a) - rank(b) || a.step - b.step)
    .map((operation) => new Teller(inspected, around, operation).tell());
}

/** Tells of one operation. */
class Teller {
  private readonly saga: SagaValue;
  private readonly times: InspectedOperation | undefined;
  private readonly key: string;
  private readonly step: string;

  constructor(
    private readonly inspected: InspectedSaga,
    private readonly around: Surroundings,
    private readonly operation: Operation,
  ) {
    const { plan, saga } = inspected.stored;
    const key: OperationKey = operationKey(operation);
    this.saga = saga;
    this.times = inspected.operations.get(key);
    this.key = keyOf(plan, operation);
    this.step = plan.steps[operation.step]?.name ?? String(operation.step);
  }

  tell(): Situation {
    if (this.operation.state === 'running') return this.running();
    if (isGivenUp(this.operation)) return this.situation('given-up', `${this.what} was given up after ${this.attempts}${this.error}`, null);
    const waitMs = this.operation.state === 'retrying' ? Math.max(0, Math.round(this.times?.dueInMs ?? 0)) : 0;
    return this.hindrance() ?? (waitMs > 0 ? this.retrying(waitMs) : this.due());
  }

  private running(): Situation {
    const { operation, times } = this;
    const leaseMs = Math.round(times?.leaseInMs ?? 0);
    const graceMs = Math.max(0, leaseMs + this.around.graceMs);
    const on = `${this.what} runs on ${times?.worker ?? 'a process'} (${this.attempt})`;
    if (operation.timedOut) {
      const what = `unless ${this.what} says how it ended, its outcome is unknown`;
      return this.situation('running', `${on} and has reached its timeout`, { what, inMs: graceMs });
    }
    if (leaseMs > 0) {
      const what = `${this.what} reports; if its process has died, its lease ends in ${spoken(leaseMs)}`;
      return this.situation('running', on, { what, inMs: leaseMs });
    }
    const what = `${this.what} is taken from its process and tried again`;
    return this.situation('running', `${on}, but that process has stopped reporting`, { what, inMs: graceMs });
  }

  /** What keeps it from being claimed, whatever its time. */
  private hindrance(): Situation | null {
    if (this.saga.paused) return this.situation('due', `${this.what} waits for the saga to be resumed`, null);
    const pause = this.operation.direction === 'action' && !this.operation.verifying ? this.pause : undefined;
    if (pause !== undefined) {
      const reason = pause.reason === null ? '' : `: ${pause.reason}`;
      return this.situation('action-paused', `${this.what} waits because ${pause.actor ?? 'somebody'} paused "${this.key}"${reason}`, null);
    }
    const { deadlineInMs } = this.inspected;
    const isTooLate = this.saga.state === 'started' && !this.operation.verifying && deadlineInMs !== null && deadlineInMs <= 0;
    if (isTooLate) return this.situation('due', `${this.what} is not begun any more, because the deadline has passed`, null);
    if (this.around.isOffered(this.kind, this.key)) return null;
    const next = { what: `${this.what} begins when a process with ${this.handler} is there`, inMs: null };
    return this.situation('no-handler', `${this.what} waits for a process with ${this.handler}: none is there`, next);
  }

  private retrying(inMs: number): Situation {
    const next = { what: `${this.what} is tried again`, inMs };
    return this.situation('retrying', `${this.what} is tried again in ${spoken(inMs)} (${this.attempts} so far)${this.error}`, next);
  }

  private due(): Situation {
    const { operation, times } = this;
    const suspect = operation.losses > 1 ? ', one that runs nothing else' : '';
    const lost = operation.losses > 0 ? ` (its process died ${operation.losses === 1 ? 'once' : `${operation.losses} times`})` : '';
    const again = times?.sendInMs ?? 0;
    const next = { what: `a free worker begins ${this.what}; if none does, it is asked for again in ${spoken(again)}`, inMs: 0 };
    return this.situation('due', `${this.what} is due and waits for a free worker${suspect}${lost}`, next);
  }

  private situation(kind: Situation['kind'], where: string, next: Situation['next']): Situation {
    return { kind, operation: this.operation, step: this.step, key: this.key, where, next };
  }

  private get what(): string {
    if (this.operation.verifying) return `the question whether step "${this.step}" took effect`;
    return this.operation.direction === 'action' ? `step "${this.step}"` : `the undo of step "${this.step}"`;
  }

  private get kind(): HandlerKind {
    return this.operation.verifying ? 'verify' : this.operation.direction;
  }

  private get handler(): string {
    const decorator = { action: '@SagaStep', undo: '@Compensate', verify: '@Verify' }[this.kind];
    return `${decorator}('${this.key}')`;
  }

  private get pause(): PausedAction | undefined {
    return this.inspected.pausedActions.find(({ action }) => action === this.key);
  }

  private get attempt(): string {
    const limit = policyOf(this.inspected.stored.plan, this.operation).retry?.attempts ?? 1;
    return `attempt ${attemptsOf(this.operation)} of ${limit}`;
  }

  private get attempts(): string {
    const attempts = attemptsOf(this.operation);
    return attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  }

  private get error(): string {
    return this.operation.error === null ? '' : `: ${this.operation.error.code}, ${this.operation.error.message}`;
  }
}
