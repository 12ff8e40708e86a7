import * as fc from 'fast-check';
import type { Decision } from '../../lib/core/decision';
import { policyOf } from '../../lib/core/draft';
import type { SagaEffect } from '../../lib/core/effect';
import type { CalledBackEvent, SagaEvent, TakenSignal } from '../../lib/core/event';
import { startSaga } from '../../lib/core/forward';
import type { Operation, OperationRef, Wait } from '../../lib/core/operation';
import type { Plan } from '../../lib/core/plan';
import { withOperations, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';

/** What the world does next, as one number: what happens, and how it chooses among whatever there is to choose from at that moment. */
export type Move = number;

/** Numbers, so that ten thousand schedules are made, and shrink, fast. */
export const randomMoves: fc.Arbitrary<readonly Move[]> = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), {
  maxLength: 70,
  size: 'max',
});

/** How often each thing happens. */
const WORLD: readonly (readonly [kind: Kind, weight: number])[] = [
  ['claim-ready', 30],
  ['claim-any', 6],
  ['complete', 16],
  ['end', 10],
  ['hold', 5],
  ['deliver', 6],
  ['late', 5],
  ['end-stale', 2],
  ['crash', 3],
  ['again', 5],
  ['report', 3],
  ['call-back', 7],
  ['signal', 3],
  ['wait-over', 4],
  ['wake', 2],
  ['order', 5],
  ['step-order', 3],
  ['deadline', 1],
];
type Kind =
  | 'claim-ready'
  | 'claim-any'
  | 'complete'
  | 'end'
  | 'hold'
  | 'deliver'
  | 'late'
  | 'end-stale'
  | 'crash'
  | 'again'
  | 'report'
  | 'call-back'
  | 'signal'
  | 'wait-over'
  | 'wake'
  | 'order'
  | 'step-order'
  | 'deadline';
const KINDS: readonly Kind[] = WORLD.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));

/** One event and what it did. */
export interface Pace {
  readonly before: SagaValue;
  readonly event: SagaEvent;
  readonly decision: Decision;
  /** The same as before when the event was ignored. */
  readonly after: SagaValue;
  /** Not made up: somebody who had claimed the operation said so. */
  readonly isGenuine: boolean;
}

export interface Walk {
  readonly plan: Plan;
  readonly start: { readonly saga: SagaValue; readonly effects: readonly SagaEffect[] };
  readonly paces: readonly Pace[];
  readonly end: SagaValue;
}

/** A claim that somebody still runs, as far as they know. */
interface Held {
  readonly operation: OperationRef;
  readonly fence: number;
  readonly claimId: string;
  readonly verifying: boolean;
  readonly transactional: boolean;
  /** Its condition has not said yes, so its handler has not run, and never will if nobody hears of that. */
  readonly isAsking: boolean;
}

/** Leads a saga through the moves, always deciding from the whole of it. */
export function walk(plan: Plan, moves: readonly Move[]): Walk {
  const world = new World(plan);
  moves.forEach((move, place) => world.move(move, `claim-${place}`));
  return { plan, start: world.start, paces: world.paces, end: world.saga };
}

class World {
  readonly start: Walk['start'];
  readonly paces: Pace[] = [];
  saga: SagaValue;
  /** Claims whose holders have not said how they ended. */
  private readonly held = new Map<string, Held>();
  /** Reports that are on their way. */
  private readonly underWay: SagaEvent[] = [];

  constructor(private readonly plan: Plan) {
    this.start = startSaga(plan, 'saga-1');
    this.saga = this.start.saga;
  }

  /** What a transactional attempt did not finish has not happened: its worker never says `unknown`. */
  private wordOf(running: Operation, how: Parameters<typeof wordOf>[1], dice: Dice): SagaEvent {
    const word = running.condition === null ? wordOf(running, how, dice) : whileAsked(running, how, dice);
    const isSure = word.type === 'failed' && policyOf(this.plan, running).transactional === true;
    return isSure ? { ...word, outcome: 'failed' } : word;
  }

  move(move: Move, claimId: string): void {
    const dice = new Dice(move);
    // What comes after the end is rare, and the most delicate.
    const isOpenQuestion = this.saga.state === 'stuck' && this.saga.openUndos === 0;
    const kind = this.saga.attention && dice.is(6) ? 'step-order' : isOpenQuestion && dice.is(4) ? 'report' : dice.of(KINDS);
    if (kind === undefined) return;
    const operations = [...this.saga.operations.values()];
    switch (kind) {
      case 'claim-ready': {
        const ready = dice.of(operations.filter(isReady));
        if (ready !== undefined) this.happens({ type: 'claim', operation: refOf(ready), claimId, due: true, alone: dice.is(2) });
        return;
      }
      case 'claim-any': {
        const nowhere: OperationRef = { step: dice.upTo(9), direction: 'undo', round: 1 + dice.upTo(2) };
        const operation = refOf(dice.of<OperationRef>([...operations, nowhere]) ?? nowhere);
        const seen = { due: dice.is(2), pastDeadline: dice.is(4), actionPaused: dice.is(4), canVerify: !dice.is(4), alone: dice.is(2) };
        const able = { ...(dice.is(4) && { maxLosses: dice.upTo(3) }), ...(dice.is(4) && { conditions: [`needs.${dice.upTo(4)}`] }) };
        this.happens({ type: 'claim', operation, claimId, ...seen, ...able });
        return;
      }
      case 'complete':
      case 'end': {
        const running = dice.of(operations.filter(isRunning));
        if (running === undefined) return;
        if (dice.is(5)) this.saga = withOperations(this.saga, [{ ...running, timedOut: true }]);
        // Whether there is a way back hangs on the pivot: it ends without a word more often than others.
        const isPivot = running.direction === 'action' && this.plan.steps[running.step]?.kind === 'pivot';
        const end = isPivot && dice.is(3) ? 'unknown' : kind === 'complete' ? 'completed' : dice.of(ENDS);
        const word = this.wordOf(running, end, dice);
        // Nobody says two things of one attempt.
        if (word.type === 'lease-expired' || this.held.has(running.claimId ?? '')) this.happens(word, true);
        return;
      }
      case 'hold': {
        const running = dice.of(operations.filter(isRunning));
        const word = running && this.wordOf(running, dice.is(2) ? 'completed' : dice.of(WORDS), dice);
        if (word === undefined || !('claimId' in word) || word.type === 'admitted' || !this.held.delete(word.claimId)) return;
        this.underWay.push(word);
        return;
      }
      case 'deliver': {
        const word = dice.of(this.underWay);
        if (word === undefined) return;
        this.underWay.splice(this.underWay.indexOf(word), 1);
        this.happens(word, true);
        return;
      }
      case 'late': {
        // Somebody who was given up comes to the end after all; in a transaction nobody can.
        const zombie = dice.of([...this.held.values()].filter((claim) => !claim.verifying && !claim.transactional && !claim.isAsking));
        if (zombie === undefined) return;
        const { operation, fence, claimId: id } = zombie;
        if (dice.is(4))
          this.happens({ type: 'suspended', operation, fence, claimId: id, wait: { kind: 'callback' }, timeoutMs: null }, true);
        else this.happens({ type: 'completed', operation, fence, claimId: id, output: { late: operation.step } }, true);
        return;
      }
      case 'end-stale': {
        const operation = dice.of(operations);
        if (operation === undefined) return;
        const other = dice.is(2) ? { ...operation, fence: operation.fence + 1 } : { ...operation, claimId: 'of-somebody-else' };
        this.happens(wordOf(other, dice.of(ENDS), dice));
        return;
      }
      case 'crash': {
        // One of two processes dies, and nothing is heard of anything that it ran.
        const mine = dice.upTo(2);
        for (const running of operations.filter(isRunning))
          if ((running.fence + running.step) % 2 === mine) this.happens(wordOf(running, 'lease-expired', dice));
        return;
      }
      case 'again': {
        const old = dice.of(this.paces);
        if (old !== undefined) this.happens(old.event);
        return;
      }
      case 'report': {
        // Of a stuck saga with nothing to undo somebody is asked about the pivot.
        const inQuestion = operations.filter(({ state }) => isOpenQuestion && state === 'unknown');
        const operation = dice.of(inQuestion.length > 0 && !dice.is(4) ? inQuestion : operations);
        if (operation === undefined) return;
        const result = dice.is(2)
          ? ({ kind: 'completed', output: 'by hand' } as const)
          : ({ kind: 'failed', error: { code: 'BY_HAND', message: 'a person says so' } } as const);
        this.happens({ type: 'reported', operation: refOf(operation), result, actor: 'ann' });
        return;
      }
      case 'call-back': {
        // Whoever was asked answers at any moment: before the wait begins, twice, or long after.
        const operation = dice.of(dice.is(2) ? operations.filter(isWaiting) : operations);
        if (operation !== undefined) this.happens({ type: 'called-back', operation: refOf(operation), result: answerOf(dice) }, true);
        return;
      }
      case 'signal': {
        const operation = dice.of(dice.is(4) ? operations : operations.filter(isWaiting));
        if (operation === undefined) return;
        const result = { kind: 'completed', output: 'a signal' } as const;
        this.happens({ type: 'called-back', operation: refOf(operation), result, takes: signalOf(dice) });
        return;
      }
      case 'wait-over': {
        const operation = dice.of(dice.is(8) ? operations : operations.filter(isWaiting));
        if (operation === undefined) return;
        const elapsedMs = dice.of([0, 1_900, 5_000]) ?? 0;
        const fence = operation.fence - (dice.is(8) ? 1 : 0);
        this.happens({ type: 'wait-over', operation: refOf(operation), fence, elapsedMs, seed: dice.of([0, 0.5, 0.999]) ?? 0 });
        return;
      }
      case 'wake': {
        const operation = dice.of(dice.is(8) ? operations : operations.filter(isWaiting));
        if (operation !== undefined) this.happens({ type: 'woken', operation: refOf(operation) });
        return;
      }
      case 'order': {
        const type = dice.of([
          ...(['compensate', 'compensate', 'pause', 'pause', 'resume', 'resume', 'resume', 'cancel', 'terminate', 'acknowledge'] as const),
        ]);
        this.happens({ type: type ?? 'compensate', reason: 'asked', actor: 'ann' });
        return;
      }
      case 'step-order':
        if (this.saga.attention && dice.is(2)) this.happens({ type: 'compensate', reason: null, actor: 'ann' });
        else
          this.happens({
            type: dice.is(2) ? 'retry-step' : 'skip-step',
            step: dice.upTo(this.plan.steps.length + 1),
            reason: null,
            actor: 'ann',
          });
        return;
      case 'deadline':
        this.happens({ type: 'deadline' });
    }
  }

  private happens(event: SagaEvent, isGenuine = false): void {
    const before = this.saga;
    const decision = transition(this.plan, before, event);
    if (decision.kind === 'moved') this.saga = decision.saga;
    this.paces.push({ before, event, decision, after: this.saga, isGenuine });
    if (event.type === 'claim' && decision.kind === 'moved') this.hold(event.operation, event.claimId);
    if (event.type === 'admitted' && decision.kind === 'moved')
      this.hold(event.operation, event.claimId); // its handler begins
    else if ('claimId' in event && event.type !== 'lease-expired' && event.type !== 'claim' && isGenuine) this.held.delete(event.claimId);
  }

  private hold(ref: OperationRef, claimId: string): void {
    const operation = this.saga.operations.get(`${ref.direction}:${ref.step}:${ref.round}`);
    if (operation === undefined) return;
    const { fence, verifying } = operation;
    const isAsking = operation.condition !== null;
    const transactional = policyOf(this.plan, operation).transactional === true;
    if (ref.direction === 'action')
      this.held.set(claimId, { operation: refOf(operation), fence, claimId, verifying, transactional, isAsking });
    else this.held.set(claimId, { operation: refOf(operation), fence, claimId, verifying: true, transactional, isAsking });
  }
}

const WORDS = [
  'completed',
  'failed',
  'unknown',
  'released',
  'interrupted',
  'lost',
  'skipped',
  'suspended',
  'suspended',
  'suspended',
] as const;
const ENDS = [...WORDS, 'lease-expired', 'lease-expired'] as const;

/** How an attempt ends: whoever was asked after an action does not complete it, but says what was found. */
function wordOf(running: Operation, how: (typeof ENDS)[number] | undefined, dice: Dice): SagaEvent {
  const of = { operation: refOf(running), fence: running.fence, claimId: running.claimId ?? 'none' };
  const seed = dice.of([0, 0.5, 0.999]) ?? 0;
  const elapsedMs = dice.of([0, 1_900, 5_000]) ?? 0;
  switch (how) {
    case 'failed':
    case 'unknown': {
      const wish = { retryable: dice.of([undefined, true, false]), retryAfterMs: dice.of([undefined, 0, 250]) };
      return { type: 'failed', ...of, error: { code: 'E', message: 'no' }, outcome: how, ...wish, elapsedMs, seed };
    }
    case 'released':
    case 'interrupted':
      return { type: 'released', ...of, interrupted: how === 'interrupted' };
    case 'lost':
      return { type: 'lost', ...of, error: { code: 'POOL', message: 'no connection' }, seed };
    case 'lease-expired':
      return { type: 'lease-expired', ...of, elapsedMs, seed };
    case 'skipped':
    case 'suspended':
    default: {
      if (!running.verifying && how === 'skipped') return { type: 'skipped', ...of, reason: 'nothing to do' };
      if (!running.verifying && how === 'suspended')
        return { type: 'suspended', ...of, wait: waitOf(running, dice), timeoutMs: dice.of([null, 250, 60_000]) ?? null };
      const isLastWord = running.direction === 'action' && dice.is(12);
      if (!running.verifying) return { type: 'completed', ...of, output: { done: running.step }, ...(isLastWord && { finishes: true }) };
      const found = dice.of([{ kind: 'done', output: 'found' }, { kind: 'not-done' }, { kind: 'not-done' }, { kind: 'unknown' }] as const);
      return { type: 'verified', ...of, found: found ?? { kind: 'unknown' }, elapsedMs, seed };
    }
  }
}

/** How an attempt may end, or go on, whose condition has not answered yet: its handler has no part in it. */
function whileAsked(running: Operation, how: (typeof ENDS)[number] | undefined, dice: Dice): SagaEvent {
  const of = { operation: refOf(running), fence: running.fence, claimId: running.claimId ?? 'none' };
  if (how === 'completed') return dice.is(4) ? { type: 'skipped', ...of, reason: 'no need', neverRan: true } : { type: 'admitted', ...of };
  const word = wordOf(running, how === 'skipped' || how === 'suspended' ? 'lease-expired' : how, dice);
  return word.type === 'failed' ? { ...word, outcome: 'failed' } : word;
}

/** An action waits for the same at each attempt, as its handler is the same. */
function waitOf({ direction, wait }: Operation, dice: Dice): Wait {
  const callback = { kind: 'callback' } as const;
  const saga = { kind: 'saga', sagaId: 'child' } as const;
  if (direction === 'undo') return dice.of<Wait>([callback, saga, { ...saga, stuck: true }, { ...saga, stuck: true }]) ?? callback;
  if (wait !== null) return wait.kind === 'signal' ? { kind: 'signal', name: wait.name } : wait;
  return dice.of<Wait>([callback, callback, saga, { kind: 'timer' }, { kind: 'signal', name: 's' }]) ?? callback;
}

/** Few signals, so that several operations want the same one. */
function signalOf(dice: Dice): TakenSignal {
  return { name: dice.is(5) ? 'another' : 's', signalId: `signal-${dice.upTo(3)}` };
}

function answerOf(dice: Dice): CalledBackEvent['result'] {
  if (dice.is(2)) return { kind: 'completed', output: 'from outside' };
  return { kind: 'failed', error: { code: 'OUTSIDE', message: 'somebody outside says so' } };
}

/** Choices out of one number. */
class Dice {
  constructor(private left: number) {}

  upTo(most: number): number {
    const chosen = this.left % most;
    // Mixed again, so that no choice depends on the one before it alone.
    this.left = (Math.imul(this.left ^ (this.left >>> 15), 0x2c1b3c6d) >>> 0) % 2 ** 31;
    return chosen;
  }

  /** Once in so many times. */
  is(once: number): boolean {
    return this.upTo(once) === 0;
  }

  of<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.upTo(from.length)];
  }
}

export function refOf({ step, direction, round }: OperationRef): OperationRef {
  return { step, direction, round };
}

export function isReady(operation: Operation): boolean {
  return operation.state === 'started' || operation.state === 'retrying';
}

export function isWaiting(operation: Operation): boolean {
  return operation.state === 'waiting';
}

export function isRunning(operation: Operation): boolean {
  return operation.state === 'running';
}
