import type { DefinedSaga } from '../builder/define-saga';
import { isRecord, unknownFieldProblems } from '../core/known-fields';
import type { SagaState } from '../core/saga-value';
import type { Saga } from '../engine/saga';
import type { StartOptions } from '../engine/start-options';
import type { InputOf, SagaDefinitionType } from '../saga.service';
import {
  caseName,
  codeOf,
  FAULT_NAMES,
  faultsOf,
  isExplored,
  isOnce,
  plan,
  readCase,
  type ExploredFault,
  type FaultName,
} from './explore-faults';
import { KIT_FIELDS, type SagaTestKitOptions } from './kit-options';
import type { PlannedSteps } from './planned-steps';
import type { RecordedEffect } from './recorded-effect';
import { SagaExplorationError } from './saga-exploration.error';
import { SagaTestError } from './saga-test.error';
import { SagaTestKit } from './saga-test-kit';
import type { TestRun } from './test-run';

/** A `@SagaDefinition` class, what `defineSaga()` makes, or `{ name, steps }`. */
export type Explorable = SagaDefinitionType | Pick<DefinedSaga<never>, 'name' | 'steps'>;

/** What a saga is started with: the input of a class, the context of any other. */
export type ExplorableInput<S> = S extends abstract new (...args: never[]) => infer D
  ? InputOf<D>
  : S extends { readonly $context?: infer C }
    ? C
    : unknown;

/** How one case has ended. */
export interface ExploredEnd {
  readonly saga: Saga;
  /** What handlers were called with. */
  readonly effects: readonly RecordedEffect[];
  /** What went wrong: `['charge crashes after']`. */
  readonly faults: readonly string[];
  readonly timeline: string;
  readonly kit: SagaTestKit;
}

export interface ExploreOptions<S extends Explorable = Explorable> extends SagaTestKitOptions {
  readonly saga: S;
  /** What it is started with. Default: nothing. */
  readonly input?: ExplorableInput<S>;
  /** Of `SagaService.start()`. Default: none. */
  readonly startOptions?: StartOptions;
  /** What must hold at the end of every case. It throws, or returns false, when it does not. */
  readonly invariant: (end: ExploredEnd) => unknown;
  /** Called when the saga has started, for one that waits for somebody: await `run.until('waiting')` and do what is waited for. */
  readonly during?: (run: TestRun, kit: SagaTestKit) => Promise<void>;
  /** What goes wrong, at every point. Default: everything. */
  readonly faults?: readonly FaultName[];
  /** 2: every pair of faults as well, which takes as many times longer as there are cases. Default: 1. */
  readonly depth?: 1 | 2;
  /** The name of one case: no other is run. Default: all. */
  readonly only?: string;
  /** A saga that gets stuck is none that is wrong. Default: false. */
  readonly mayStick?: boolean;
}

/** What `explore()` has seen. */
export interface Exploration {
  readonly cases: readonly ExploredCase[];
  /** How many cases ended in which state, as text: `58 cases: 20 completed, 38 compensated`. */
  readonly summary: string;
}

export interface ExploredCase {
  readonly name: string;
  readonly state: SagaState;
}

const FIELDS = [...KIT_FIELDS, 'saga', 'input', 'startOptions', 'invariant', 'during', 'faults', 'depth', 'only', 'mayStick'];

/**
 * Runs a saga again and again, and lets something else go wrong each time: every step and every compensation fails, times out, crashes,
 * runs twice and comes late. Each case has a kit of its own; give a function to make fresh fakes for each as well.
 *
 * @throws SagaExplorationError about the first case in which the saga does not end, gets stuck, or the invariant does not hold
 * @example
 * await explore(() => {
 *   const bank = new FakeBank();
 *   return {
 *     providers: [OrderSaga, PaymentService, { provide: Bank, useValue: bank }],
 *     saga: OrderSaga,
 *     input: { amount: 100 },
 *     invariant: ({ saga }) => assert.equal(bank.balance, saga.isCompleted ? 100 : 0),
 *   };
 * });
 */
export async function explore<S extends Explorable>(of: ExploreOptions<S> | (() => ExploreOptions<S>)): Promise<Exploration> {
  const options = typeof of === 'function' ? of : (): ExploreOptions<S> => of;
  return new Explorer(options).explore();
}

interface Ran {
  readonly planned: PlannedSteps;
  readonly faults: readonly ExploredFault[];
  readonly reached: readonly string[];
  /** Steps whose handler has done what it does, and whether the engine has heard of it. */
  readonly done: ReadonlyMap<string, boolean>;
}

class Explorer<S extends Explorable> {
  private readonly cases = new Map<string, ExploredCase>();
  private readonly first: ExploreOptions<S>;

  constructor(private readonly options: () => ExploreOptions<S>) {
    this.first = checked(options());
  }

  async explore(): Promise<Exploration> {
    const { only, depth = 1 } = this.first;
    if (only === undefined) await this.exploreAll(depth);
    else await this.run(readCase(only));
    return { cases: [...this.cases.values()], summary: summaryOf([...this.cases.values()]) };
  }

  /**
   * What only comes up when something goes wrong, as an undo does, is explored together with what brings it up: if there is a choice, with
   * something after which there is something to undo.
   */
  private async exploreAll(depth: number): Promise<void> {
    const ran = [await this.run([])];
    const explored = new Set<string>();
    for (let open = unexplored(ran, explored); open.size > 0; open = unexplored(ran, explored)) {
      const cases = [...open].flatMap(([target, { faults, planned }]) =>
        this.faultsOf(target, planned).map((fault) => ({ before: faults, fault })),
      );
      // The plainest first: whatever is wrong is easiest to see there.
      cases.sort((a, b) => FAULT_NAMES.indexOf(a.fault.fault) - FAULT_NAMES.indexOf(b.fault.fault));
      for (const { before, fault } of cases) ran.push(await this.run([...before, fault]));
      for (const target of open.keys()) explored.add(target);
    }
    if (depth > 1) for (const one of ran.slice(1)) await this.exploreBeside(one);
  }

  private async exploreBeside({ faults, reached, planned }: Ran): Promise<void> {
    for (const target of reached.filter((name) => !faults.some((fault) => fault.target === name)))
      for (const fault of this.faultsOf(target, planned)) if (!this.hasRun([...faults, fault])) await this.run([...faults, fault]);
  }

  private faultsOf(target: string, planned: PlannedSteps): readonly ExploredFault[] {
    return faultsOf(target, planned, this.first.faults ?? FAULT_NAMES);
  }

  private hasRun(faults: readonly ExploredFault[]): boolean {
    return this.cases.has(caseName(inOrder(faults)));
  }

  private async run(given: readonly ExploredFault[]): Promise<Ran> {
    const faults = inOrder(given);
    // The first one was made to be looked at, and a kit that is made of it is the first one too.
    const {
      saga,
      input,
      startOptions,
      invariant,
      during,
      depth: _d,
      only: _o,
      faults: _f,
      mayStick = false,
      ...kitOptions
    } = this.cases.size === 0 ? this.first : this.options();
    const kit = await SagaTestKit.create({ seed: this.cases.size + 1, ...kitOptions });
    try {
      const wrong = faults.map((fault) => ({ fault, howOften: plan(kit, fault) }));
      const run = await kit.start(saga as DefinedSaga<unknown>, input, startOptions);
      const planned = await kit.planned(run.id); // not known before, and no time has passed
      for (const { fault, howOften } of wrong) if (isOnce(fault, planned)) howOften.times(1);
      const end = await endOf(run, kit, faults, during, mayStick);
      await hold(invariant, end, faults);
      this.cases.set(caseName(faults), { name: caseName(faults), state: end.saga.state });
      const effects = end.effects.filter(({ direction, outcome }) => direction === 'action' && outcome === 'returned');
      const done = new Map(effects.map(({ step, isHeard }) => [step, isHeard]));
      return { planned, faults, reached: kit.reached.filter(isExplored), done };
    } finally {
      await kit.close();
    }
  }
}

/** What has come up and was not explored, and the case to explore it with. */
function unexplored(ran: readonly Ran[], explored: ReadonlySet<string>): ReadonlyMap<string, Ran> {
  const open = new Map<string, Ran>();
  for (const one of ran) {
    for (const target of one.reached.filter((name) => !explored.has(name))) {
      const step = target.replace(/^undo /, '');
      const worth = (by: Ran): number => (by.done.has(step) ? 1 : 0) + (by.done.get(step) === true ? 1 : 0);
      const known = open.get(target);
      if (known === undefined || worth(known) < worth(one)) open.set(target, one);
    }
  }
  return open;
}

async function endOf(
  run: TestRun,
  kit: SagaTestKit,
  faults: readonly ExploredFault[],
  during: ExploreOptions['during'],
  mayStick: boolean,
): Promise<ExploredEnd> {
  try {
    await during?.(run, kit).catch(async (error: unknown) => {
      // What is waited for does not come in a saga that has turned back.
      if (!(error instanceof SagaTestError) || !(await run.saga()).isTerminal) throw error;
    });
    const saga = await run.end();
    if (saga.isStuck && !mayStick) throw new SagaTestError(`the saga is stuck: ${await stuckReason(saga, kit)}`);
    if (saga.attention) throw new SagaTestError('the saga has ended, and an effect that came late could not be undone');
    return { saga, kit, effects: kit.effects, faults: faults.map((fault) => caseName([fault])), timeline: await run.timeline() };
  } catch (error) {
    throw await failed(run, kit, faults, error);
  }
}

async function stuckReason({ id }: Saga, kit: SagaTestKit): Promise<string> {
  return (await kit.operator.explain(id)).summary;
}

async function hold(invariant: ExploreOptions['invariant'], end: ExploredEnd, faults: readonly ExploredFault[]): Promise<void> {
  try {
    if ((await invariant(end)) === false) throw new SagaTestError(`the saga is ${end.saga.state}, and the invariant does not hold`);
  } catch (error) {
    throw await failed(end.kit.found(end.saga.id), end.kit, faults, error);
  }
}

async function failed(run: TestRun, kit: SagaTestKit, faults: readonly ExploredFault[], error: unknown): Promise<SagaExplorationError> {
  const planned = await kit.planned(run.id);
  const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('\n\n' + (await run.timeline()));
  return new SagaExplorationError(
    caseName(faults),
    faults.map((fault) => codeOf(fault, planned)).join(' '),
    await run.timeline(),
    problem.trim(),
    error,
  );
}

/** By name, so that the same two faults are the same case whichever comes first. */
function inOrder(faults: readonly ExploredFault[]): readonly ExploredFault[] {
  return [...faults].sort((a, b) => (caseName([a]) < caseName([b]) ? -1 : 1));
}

function summaryOf(cases: readonly ExploredCase[]): string {
  const states = [...new Set(cases.map(({ state }) => state))];
  const counts = states.map((state) => `${cases.filter((one) => one.state === state).length} ${state}`);
  return `${cases.length} cases: ${counts.join(', ')}`;
}

function checked<S extends Explorable>(options: ExploreOptions<S>): ExploreOptions<S> {
  const given: unknown = options;
  if (!isRecord(given)) throw new SagaTestError('explore() takes an object with saga, input, invariant and the options of a test kit');
  const problems = [
    ...unknownFieldProblems(given, FIELDS),
    ...(typeof given['invariant'] === 'function' ? [] : ['invariant must be a function']),
    ...(given['saga'] === undefined ? ['saga is missing'] : []),
    ...(options.faults ?? []).filter((fault) => !FAULT_NAMES.includes(fault)).map((fault) => `there is no fault '${fault}'`),
    ...([undefined, 1, 2].includes(options.depth) ? [] : ['depth must be 1 or 2']),
  ];
  if (problems.length > 0) throw new SagaTestError(`explore: ${problems.join('; ')}`);
  return options;
}
