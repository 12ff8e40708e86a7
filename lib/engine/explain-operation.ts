import { keyOf, policyOf } from '../core/draft';
import { isOpenPivot, isPersistent, limitsOf } from '../core/kinds';
import { handlerKindOf, type HandlerKind } from '../core/handler-declaration';
import { attemptsOf, isSettled, operationKey, type Operation, type OperationKey, type Wait } from '../core/operation';
import { mayStillRun } from '../core/backward';
import { attemptLimit } from '../core/retry-policy';
import type { SagaValue } from '../core/saga-value';
import { isGivenUp, isStillWanted } from '../core/undo-order';
import type { OrderedBy, PausedAction } from '../ports/paused-action';
import type { InspectedOperation, InspectedSaga } from '../ports/stored-saga';
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
  readonly kind:
    'running' | 'waiting' | 'retrying' | 'due' | 'paused' | 'action-paused' | 'no-handler' | 'given-up' | 'open-pivot' | 'child';
  readonly operation: Operation;
  readonly step: string;
  /** Key of the handler. */
  readonly key: string;
  /** A sentence without its full stop. */
  readonly where: string;
  /** What comes after `It waits for`. */
  readonly waitsFor: string;
  readonly next: { readonly what: string; readonly inMs: number | null } | null;
}

/** Everything that is under way or was given up, what runs first. */
export function situationsOf(inspected: InspectedSaga, around: Surroundings): readonly Situation[] {
  const { saga } = inspected.stored;
  const isOpen = (operation: Operation): boolean => !isSettled(operation) && operation.state !== 'pending';
  // The undo that was given up of a saga that a person has terminated is nobody's business any more.
  const isWaitedFor = (operation: Operation): boolean => isGivenUp(operation) && isStillWanted(saga, operation);
  const { plan } = inspected.stored;
  const isSpecial = (operation: Operation): boolean => isWaitedFor(operation) || isOpenPivot(plan, saga, operation);
  const operations = [...saga.operations.values()].filter((operation) => isOpen(operation) || isSpecial(operation));
  const rank = ({ state }: Operation): number => ['running', 'waiting', 'started', 'retrying'].indexOf(state);
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
    if (isOpenPivot(this.inspected.stored.plan, this.saga, this.operation)) {
      const where = `nobody knows whether the pivot "${this.step}" took effect after ${this.attempts}${this.error}`;
      return this.situation('open-pivot', where, null, 'a person');
    }
    if (isGivenUp(this.operation)) {
      return this.situation('given-up', `${this.what} was given up after ${this.attempts}${this.error}`, null, 'a person');
    }
    if (this.operation.state === 'waiting')
      return this.operation.wait?.kind === 'saga' ? this.waitsFor(this.operation.wait) : this.waiting();
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
      return this.situation('running', `${on} and has reached its timeout`, { what, inMs: graceMs }, this.end);
    }
    if (leaseMs > 0) {
      const lease = `its lease ends in ${spoken(leaseMs)}, and ${spoken(this.around.graceMs)} later it is ${this.afterLoss}`;
      return this.situation('running', on, { what: `${this.what} reports; if its process has died, ${lease}`, inMs: leaseMs }, this.end);
    }
    const what = `${this.what} is taken from its process and ${this.afterLoss}`;
    return this.situation('running', `${on}, but that process has stopped reporting`, { what, inMs: graceMs }, this.end);
  }

  /** Whoever it waits for is heard also while the saga is paused; only its time is not counted then. */
  private waiting(): Situation {
    const { operation, times } = this;
    const whom = waitedFor(operation.wait);
    const isTimed = times?.dueInMs != null;
    const leftMs = Math.max(0, Math.round(times?.dueInMs ?? 0));
    const isHeld = this.saga.paused && isTimed && leftMs === 0;
    const until = isHeld
      ? ', and its time is over when the saga is resumed'
      : isTimed
        ? `, for ${spoken(leftMs)} at most`
        : ', for as long as it takes';
    const where =
      operation.wait?.kind === 'timer'
        ? `${this.what} is a pause that lasts ${spoken(leftMs)} more`
        : `${this.what} waits for ${whom}${until}`;
    const end = operation.wait?.kind === 'timer' ? `${this.what} is over` : `the time of ${this.what} is over`;
    return this.situation('waiting', where, isTimed && !this.saga.paused ? { what: end, inMs: leftMs } : null, whom);
  }

  /** Nothing keeps it from looking after the other saga but a pause of its own. */
  private waitsFor({ sagaId, stuck }: Extract<Wait, { readonly kind: 'saga' }>): Situation {
    const where = `${this.what} waits for saga ${sagaId}${stuck === true ? ', which is stuck: a person must act there' : ''}`;
    const next = { what: `saga ${sagaId} ends, and ${this.what} goes on`, inMs: null };
    return this.situation('child', where, stuck === true ? null : next, `saga ${sagaId} to end`);
  }

  /** What keeps it from being claimed, whatever its time. */
  private hindrance(): Situation | null {
    if (this.saga.paused) return this.situation('paused', `${this.what} waits for the saga to be resumed`, null, 'a person');
    const pause = this.operation.direction === 'action' && !this.operation.verifying ? this.pause : undefined;
    if (pause !== undefined) {
      const reason = pause.reason === null ? '' : `: ${pause.reason}`;
      const where = `${this.what} waits because ${pause.actor ?? 'somebody'} paused "${this.key}"${reason}`;
      return this.situation('action-paused', where, null, `"${this.key}" to be resumed`);
    }
    if (this.saga.state === 'stuck' && this.operation.direction === 'action' && !this.operation.verifying)
      return this.situation('due', `${this.what} waits until it is known how the pivot ended`, null, 'a person');
    const { deadlineInMs } = this.inspected;
    const isTooLate =
      this.saga.state === 'started' &&
      !this.saga.pastPivot &&
      this.saga.turning === null &&
      !this.operation.verifying &&
      deadlineInMs !== null &&
      deadlineInMs <= 0;
    if (isTooLate) {
      const where = `${this.what} is not begun any more, because the deadline has passed`;
      return this.situation('due', where, null, 'its turning back, because its deadline has passed');
    }
    const { condition } = this.operation;
    const isConditionThere = condition === null || this.around.isOffered('condition', condition);
    if (isConditionThere && this.around.isOffered(this.kind, this.key)) return null;
    const wanted = isConditionThere ? this.handler : `@SagaCondition('${condition}')`;
    const next = { what: `${this.what} begins when a process with ${wanted} is there`, inMs: null };
    const process = `a process with ${wanted}`;
    return this.situation('no-handler', `${this.what} waits for ${process}: none is there`, next, process);
  }

  private retrying(inMs: number): Situation {
    const next = { what: `${this.what} is tried again`, inMs };
    const { operation } = this;
    const soFar = this.isPersistent
      ? `${this.attempts} so far, and on until it completes`
      : `${attemptsOf(operation)} of ${this.counted(this.limit)} so far`;
    const waitsFor = operation.verifying ? this.end : `the next attempt of ${this.what}`;
    return this.situation('retrying', `${this.what} is tried again in ${spoken(inMs)} (${soFar})${this.error}`, next, waitsFor);
  }

  private due(): Situation {
    const { operation, times } = this;
    const suspect = operation.losses > 1 ? ', one that runs nothing else' : '';
    const lost = operation.losses > 0 ? ` (its process died ${operation.losses === 1 ? 'once' : `${operation.losses} times`})` : '';
    const again = times?.sendInMs ?? 0;
    const next = { what: `a free worker begins ${this.what}; if none does, it is asked for again in ${spoken(again)}`, inMs: 0 };
    const waitsFor = operation.verifying ? this.end : `a free worker for ${this.what}`;
    return this.situation('due', `${this.what} is due and waits for a free worker${suspect}${lost}`, next, waitsFor);
  }

  private situation(kind: Situation['kind'], where: string, next: Situation['next'], waitsFor: string): Situation {
    return { kind, operation: this.operation, step: this.step, key: this.key, where, waitsFor, next };
  }

  private get end(): string {
    return `${this.what} to ${this.operation.verifying ? 'be answered' : 'end'}`;
  }

  /** What becomes of it when its process has died. */
  private get afterLoss(): string {
    const { operation, saga } = this;
    const blamed = operation.blamed + (operation.alone ? 1 : 0);
    const { plan } = this.inspected.stored;
    if (!mayStillRun(operation, saga) || blamed >= limitsOf(plan, operation, policyOf(plan, operation)).losses) return 'given up';
    return saga.paused ? 'tried again when the saga is resumed' : 'tried again';
  }

  private get what(): string {
    if (this.operation.verifying) return `the question whether step "${this.step}" took effect`;
    return this.operation.direction === 'action' ? `step "${this.step}"` : `the undo of step "${this.step}"`;
  }

  private get kind(): Exclude<HandlerKind, 'condition'> {
    return handlerKindOf(this.operation);
  }

  private get handler(): string {
    const decorator = { action: '@SagaStep', undo: '@Compensate', verify: '@Verify' }[this.kind];
    return `${decorator}('${this.key}')`;
  }

  private get pause(): PausedAction | undefined {
    return this.inspected.pausedActions.find(({ action }) => action === this.key);
  }

  private get attempt(): string {
    const attempt = `attempt ${attemptsOf(this.operation)}`;
    return this.isPersistent ? `${attempt}, tried until it completes` : `${attempt} of ${this.limit}`;
  }

  /** Without a policy there is one attempt, unless the handler itself has asked for another. */
  private get limit(): number {
    const { retry } = policyOf(this.inspected.stored.plan, this.operation);
    const ended = attemptsOf(this.operation) - (this.operation.state === 'running' ? 1 : 0);
    return retry === null && ended === 0 ? 1 : attemptLimit(retry);
  }

  private get isPersistent(): boolean {
    return isPersistent(this.inspected.stored.plan, this.operation);
  }

  private get attempts(): string {
    return this.counted(attemptsOf(this.operation));
  }

  private counted(attempts: number): string {
    return attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  }

  private get error(): string {
    return this.operation.error === null ? '' : `: ${this.operation.error.code}, ${this.operation.error.message}`;
  }
}

function waitedFor(wait: Wait | null): string {
  switch (wait?.kind) {
    case 'signal':
      return `a signal "${wait.name}"`;
    case 'saga':
      return `the end of saga ${wait.sagaId}`;
    case 'timer':
      return 'its time';
    default:
      return 'whoever has its callback token';
  }
}
