import { StepError } from '../errors';
import { listProblems } from '../core/child-form';
import { startSaga } from '../core/forward';
import { canonicalJson, toJson, type Json, type JsonLimits } from '../core/json';
import { leftUndone, mayBePastPivot } from '../core/left-undone';
import { linkedUndo, neverBegun, type BegunSaga } from '../core/linked-undo';
import { planOfMap } from '../core/map-plan';
import { MAP } from '../core/own-actions';
import type { Plan, PlanStep } from '../core/plan';
import type { StepInput } from '../core/plan-inputs';
import type { SagaParent, SagaState, TurnCause } from '../core/saga-value';
import type { Identity } from '../ports/identity';
import type { Claim, NewStep } from '../ports/claim';
import type { ApplyResult } from '../ports/report';
import type { StartRequest } from '../ports/saga-start';
import type { SagaStore } from '../ports/saga-store';
import type { StoredSaga } from '../ports/stored-saga';
import type { SagaOrder } from '../core/event';
import type { Call } from './attempt-context';
import { reasonOf } from './execution';
import { verb } from './handler-verb';
import { listed } from './listed';
import { OWN_KEY } from './start-options';
import type { StartedSaga } from './starter';

/** What the step of a saga that runs another has as its input. */
interface ChildInput {
  readonly context: Json;
  readonly steps: readonly StepInput[];
  readonly deadlineMs: number | null;
}

interface MapInput {
  readonly over: Json;
  readonly limit: number;
}

/** What is about to begin. */
interface Planned extends Pick<StartRequest, 'plan' | 'context' | 'deadlineMs' | 'laidOver'> {
  readonly inputs: readonly StepInput[];
  readonly parent: SagaParent;
  /** Made of the step that asks, so that however often it asks, it begins once. */
  readonly key: string;
  readonly begin: (sagaId: string) => BegunSaga;
}

/** The steps that run other sagas, and their undo. Each attempt looks how far that saga is, and waits for it if it has not ended. */
export class ChildSagas {
  constructor(
    private readonly store: SagaStore,
    private readonly begin: (request: StartRequest) => Promise<StartedSaga>,
    private readonly cancel: (sagaId: string, order: SagaOrder) => Promise<ApplyResult>,
    private readonly identity: Identity,
    private readonly options: { readonly resendMs: number; readonly plan: { readonly limits: JsonLimits } },
  ) {}

  async run(claim: Claim, call: Call): Promise<unknown> {
    const id = waitedFor(claim) ?? (await this.startChild(claim, call.payload as unknown as ChildInput));
    const stored = await this.look(id);
    return this.outcomeOf(stored, () => stored.steps[stored.saga.finishedBy ?? stored.steps.length - 1]?.output ?? null);
  }

  async runMap(claim: Claim, call: Call): Promise<unknown> {
    const { over, limit } = call.payload as unknown as MapInput;
    const [problem] = listProblems(over);
    if (problem !== undefined) throw new StepError({ code: 'MAP_LIST', message: problem, retryable: false });
    const items = over as readonly Json[];
    if (items.length === 0) return [];
    const stored = await this.look(waitedFor(claim) ?? (await this.startMap(claim, items, limit)));
    return this.outcomeOf(stored, () => stored.steps.map(({ output }) => output));
  }

  /** What that saga did is undone: by itself while it can turn back, and by another saga when it has completed. */
  async undo(claim: Claim, { payload }: Call): Promise<unknown> {
    if (stepOf(claim).action === MAP && Array.isArray(payload) && payload.length === 0) return null;
    const { id, state, created } = await this.start(claim, this.placeHeld(claim));
    if (created) return verb({ kind: 'skip', reason: `the saga of step "${stepOf(claim).name}" had not begun` });
    const waited = waitedFor(claim);
    if (waited !== null && waited !== id) return this.undone(waited, await this.stateOf(waited));
    if (state === 'started') {
      const result = await this.cancel(id, {
        type: 'cancel',
        reason: `saga ${claim.sagaId}, which it is a part of, turned back`,
        actor: null,
      });
      if (result.kind === 'failed') throw result.error;
      if (result.kind === 'ignored' && result.reason === 'past-pivot') throw pastPivot(id);
      return waitFor(id, result.kind === 'applied' ? result.saga.state : 'started');
    }
    return state === 'completed' ? this.undoCompleted(claim, id) : this.undone(id, state);
  }

  private async undoCompleted(claim: Claim, id: string): Promise<unknown> {
    const done = await this.look(id);
    if (done.saga.pastPivot) throw pastPivot(id);
    const { plan, saga, steps, context, laidOver } = done;
    const parent = { ...parentOf(claim), undoes: id };
    const outputs = steps.map(({ output }) => output);
    const begin = (sagaId: string): BegunSaga | null => linkedUndo(plan, saga, outputs, sagaId, parent, causeOf(claim));
    if (begin(id) === null) return null;
    const key = `${keyOf(claim)}:undo`;
    const planned = { plan, inputs: steps, context, laidOver, deadlineMs: null, parent, key, begin: begin as Planned['begin'] };
    const started = await this.start(claim, planned);
    return this.undone(started.id, started.created ? 'compensating' : started.state);
  }

  private async undone(id: string, state: SagaState): Promise<unknown> {
    if (state !== 'compensated' && state !== 'failed') return waitFor(id, state);
    const left = state === 'failed' ? leftBehind(await this.look(id)) : null;
    if (left !== null) throw new StepError({ code: TERMINATED, message: left, retryable: false });
    return null;
  }

  private outcomeOf(stored: StoredSaga, output: () => Json): unknown {
    const { saga, plan } = stored;
    if (saga.state === 'completed') return output();
    if (saga.state !== 'compensated' && saga.state !== 'failed') return waitFor(saga.id, saga.state);
    const left = leftBehind(stored);
    if (left !== null) throw new LeftBehind(left);
    const message = `saga "${plan.name}" (${saga.id}) is ${saga.state}: ${reasonOf(saga)}`;
    throw new StepError({ code: 'CHILD_FAILED', message, retryable: false });
  }

  private async startChild(claim: Claim, { context, steps, deadlineMs }: ChildInput): Promise<string> {
    const given = toJson(context ?? {}, 'context', this.options.plan.limits);
    const plan = planOf(claim);
    return this.startForward(claim, { plan, inputs: steps, context: given, deadlineMs });
  }

  private async startMap(claim: Claim, items: readonly Json[], limit: number): Promise<string> {
    const plan = planOfMap(planOf(claim), items.length, limit);
    const inputs = items.map((input) => ({ input, references: [] }));
    return this.startForward(claim, { plan, inputs, context: claim.context, laidOver: claim.laidOver, deadlineMs: null });
  }

  private async startForward(claim: Claim, of: Omit<Planned, 'parent' | 'key' | 'begin'>): Promise<string> {
    const parent = parentOf(claim);
    const begin = (sagaId: string): BegunSaga => startSaga(of.plan, sagaId, parent);
    return (await this.start(claim, { parent, key: keyOf(claim), begin, ...of })).id;
  }

  /** In the place of the saga that the step runs, if nobody has started it: an attempt that was thought lost may still be about to. */
  private placeHeld(claim: Claim): Planned {
    const plan = planOf(claim);
    const parent = parentOf(claim);
    const begin = (sagaId: string): BegunSaga => neverBegun(plan, sagaId, parent, causeOf(claim));
    return { plan, inputs: [], context: {}, deadlineMs: null, parent, key: keyOf(claim), begin };
  }

  private async start(claim: Claim, { plan, inputs, key, begin, ...of }: Planned): Promise<StartedSaga> {
    const sagaId = this.identity.newId();
    const { parent: _parent, ...given } = of;
    return this.begin({
      sagaId,
      plan,
      planHash: this.identity.digest(canonicalJson(plan as unknown as Json)),
      steps: plan.steps.map((_, place) => this.newStep(inputs[place])),
      metadata: claim.metadata,
      businessKey: { key, fingerprint: 'child' },
      resendMs: this.options.resendMs,
      ...given,
      ...begin(sagaId),
    });
  }

  private newStep(of: StepInput | undefined): NewStep {
    return { stepId: this.identity.newId(), input: of?.input ?? null, references: of?.references ?? [] };
  }

  private async look(id: string): Promise<StoredSaga> {
    const stored = await this.store.find(id);
    if (stored === null) throw new StepError({ code: 'CHILD_GONE', message: `saga ${id} is not there any more`, retryable: false });
    return stored;
  }

  private async stateOf(id: string): Promise<SagaState> {
    return (await this.store.states([id])).get(id) ?? (await this.look(id)).saga.state;
  }
}

function waitFor(sagaId: string, state: SagaState): unknown {
  const stuck = state === 'stuck' ? ({ stuck: true } as const) : {};
  return verb({ kind: 'suspend', wait: { kind: 'saga', sagaId, ...stuck }, timeoutMs: null });
}

/** The saga that earlier attempts of this operation have waited for. */
function waitedFor({ operation: { wait } }: Claim): string | null {
  return wait?.kind === 'saga' ? wait.sagaId : null;
}

function parentOf({ sagaId, operation }: Claim): SagaParent {
  return { sagaId, step: operation.step };
}

/** A saga that undoes another looks for what the other has started. */
function keyOf(claim: Claim): string {
  return `${OWN_KEY}${claim.basis.saga.parent?.undoes ?? claim.sagaId}:${stepOf(claim).name}`;
}

function causeOf(claim: Claim): TurnCause {
  return { kind: 'asked', reason: `saga ${claim.sagaId}, which it is a part of, turned back`, actor: null };
}

function stepOf({ basis, operation }: Claim): PlanStep {
  const step = basis.plan.steps[operation.step];
  if (step === undefined) throw new TypeError(`plan "${basis.plan.name}" has no step ${operation.step}`);
  return step;
}

function planOf(claim: Claim): Plan {
  const { child, name } = stepOf(claim);
  if (child === undefined) throw new TypeError(`step "${name}" runs no saga`);
  return child;
}

const TERMINATED = 'CHILD_TERMINATED';

/** No word of failure, so that the step is undone as one of unknown outcome; and no other attempt would find anything else. */
class LeftBehind extends Error {
  readonly code = TERMINATED;
  readonly retryable = false;
}

/** A saga that a person has ended as it was may have effects that nothing undoes: it has failed, but not without any. */
function leftBehind({ plan, saga }: StoredSaga): string | null {
  if (saga.cause?.kind !== 'terminated') return null;
  const names = leftUndone(plan, saga).map(({ step }) => `"${plan.steps[step]?.name ?? step}"`);
  if (names.length > 0) return `somebody ended saga ${saga.id} with ${listed(names)} not undone`;
  return mayBePastPivot(plan, saga) ? `somebody ended saga ${saga.id}, whose pivot nothing undoes` : null;
}

function pastPivot(id: string): StepError {
  const message = `saga ${id} has passed its pivot, so that nothing undoes it`;
  return new StepError({ code: 'CHILD_PAST_PIVOT', message, retryable: false });
}
