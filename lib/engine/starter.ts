import { SagaConflictError } from '../errors';
import { startSaga } from '../core/forward';
import { canonicalJson, toJson, type Json } from '../core/json';
import type { LintOptions } from '../core/lint';
import { namedKeys } from '../core/named-keys';
import { compilePlan, type CompiledPlan, type PlanDefaults } from '../core/plan-compiler';
import type { SagaState } from '../core/saga-value';
import type { StepList } from '../core/step-spec';
import type { Identity } from '../ports/identity';
import type { SagaObserver } from '../ports/saga-observer';
import type { ChainedClaim } from '../ports/claim';
import type { StartRequest, StartResult } from '../ports/saga-start';
import type { SagaStore } from '../ports/saga-store';
import type { Committer } from './committer';
import type { HandlerBook } from './handler-book';
import { PlanCritic } from './plan-critic';
import { PlanDigests } from './plan-digests';
import { checkStartOptions, type StartOptions } from './start-options';
import type { StartSeat } from './start-seat';

export interface StartedSaga {
  /** A ULID. */
  readonly id: string;
  readonly name: string;
  /** `started`; of a saga that the business key had started before, its state now. */
  readonly state: SagaState;
  /** False when the business key had started it before. */
  readonly created: boolean;
  /** Its rows are gone; only the key is remembered. */
  readonly purged: boolean;
}

/** Everything that happens before a saga exists: nothing is stored until all of it is known to be right. */
export class Starter {
  private readonly critic: PlanCritic;
  private readonly digests: PlanDigests;
  /** Business keys for which a slot is kept. Whoever starts with the same at once most likely starts nothing, and slots are for work. */
  private readonly seated = new Set<string>();

  constructor(
    private readonly store: SagaStore,
    private readonly book: HandlerBook,
    private readonly committer: Committer,
    private readonly observer: SagaObserver,
    private readonly identity: Identity,
    /** A slot for the first operation of a saga, if one is free here and nobody waits for it. */
    private readonly seatForStart: () => StartSeat | null,
    private readonly options: { readonly plan: PlanDefaults; readonly lint: LintOptions; readonly resendMs: number },
  ) {
    this.critic = new PlanCritic(observer, options);
    this.digests = new PlanDigests(identity);
  }

  async start(name: string, steps: StepList, context: unknown, options: StartOptions): Promise<StartedSaga> {
    checkStartOptions(options);
    const { limits } = this.options.plan;
    const given = toJson(context ?? {}, 'context', limits);
    const metadata = toJson(options.metadata ?? {}, 'options.metadata', limits);
    const { actions, undos, conditions } = namedKeys(steps);
    const catalog = await this.book.catalogWith(actions, undos, conditions);
    const compiled = compilePlan(name, steps, catalog, this.options.plan, options.onStuck, options.undosAtOnce);
    const { plan, planHash } = this.digests.of(compiled.plan);
    this.critic.look(planHash, name, steps, catalog);
    const sagaId = this.identity.newId();
    const { saga, effects } = startSaga(plan, sagaId);
    const request: StartRequest = {
      sagaId,
      plan,
      planHash,
      saga,
      effects,
      steps: compiled.inputs.map(({ input, references }) => ({ stepId: this.identity.newId(), input, references })),
      context: given,
      metadata,
      businessKey: options.businessKey === undefined ? null : { key: options.businessKey, fingerprint: this.fingerprint(compiled, given) },
      deadlineMs: options.deadlineMs ?? null,
      resendMs: this.options.resendMs,
      ...(options.manager === undefined ? {} : { manager: options.manager }),
    };
    return this.keep(request);
  }

  /** Stores what is known to be right, once: a key that was used before answers what it started. */
  async keep(request: StartRequest): Promise<StartedSaga> {
    const { plan, businessKey, manager } = request;
    const key = businessKey === null ? null : `${plan.name}\u001f${businessKey.key}`;
    const isEcho = key !== null && this.seated.has(key);
    const seat = manager === undefined && !isEcho ? this.seatForStart() : null;
    if (seat !== null && key !== null) this.seated.add(key);
    let chained: ChainedClaim | undefined;
    try {
      const result = await this.store.start(seat === null ? request : { chain: seat.offer, ...request });
      if (result.kind === 'started') chained = result.chained;
      return this.told(request, result);
    } finally {
      if (seat !== null && key !== null) this.seated.delete(key);
      if (chained === undefined) seat?.leave();
      else seat?.begin(chained.next);
    }
  }

  private told({ sagaId, plan, saga, effects, businessKey }: StartRequest, result: StartResult): StartedSaga {
    switch (result.kind) {
      case 'conflict':
        throw new SagaConflictError(plan.name, businessKey?.key ?? '', result.sagaId);
      case 'existing':
        return { id: result.sagaId, name: plan.name, state: result.state, created: false, purged: result.purged };
      case 'started': {
        const begin = (): void => {
          this.observer.notify({ type: 'saga.started', sagaId, name: plan.name });
          this.committer.perform(plan, result.chained?.next.basis.saga ?? saga, result.chained?.effects ?? effects);
        };
        if (result.committed === null) begin();
        else void result.committed.then(begin);
        return { id: sagaId, name: plan.name, state: saga.state, created: true, purged: false };
      }
    }
  }

  /** What makes two starts equal: inputs and context. Not the plan, or a deploy would turn a repeated start into a conflict. */
  private fingerprint({ inputs }: CompiledPlan, context: Json): string {
    const given = inputs.map(({ input, references }) => ({ input, references: references.filter(({ at }) => at !== null) }));
    return this.identity.digest(canonicalJson({ inputs: given as unknown as Json, context }));
  }
}
