import type { LintOptions } from '../core/lint';
import { LINT_RULES } from '../core/lint-rules';
import { UNDOS_AT_ONCE, undosAtOnceProblem, type OperationPolicy } from '../core/plan';
import type { PlanDefaults } from '../core/plan-compiler';
import { isValidName, NAME_RULE, quoted } from '../core/names';
import type { RetryPolicy } from '../core/retry-policy';
import type { SagaObserver } from '../ports/saga-observer';
import type { EngineOptions } from './engine-options';
import { OptionChecker } from './option-checker';
import type { SagaModuleOptions } from './saga-module-options';

const FIELDS = {
  store: true,
  transport: true,
  group: true,
  workers: true,
  dispatch: true,
  autoStart: true,
  unknownActions: true,
  missingHandlers: true,
  defaults: true,
  lint: true,
  maxPayloadBytes: true,
  leaseMs: true,
  heartbeatMs: true,
  graceMs: true,
  drainMs: true,
  sweepMs: true,
  resendMs: true,
  brokerFallbackMs: true,
  waitPollMs: true,
  retention: true,
  observers: true,
} satisfies Record<keyof SagaModuleOptions, true>;
const WORKER_FIELDS = ['steps', 'compensations'];
const DEFAULT_FIELDS = ['timeoutMs', 'retry', 'compensation', 'infrastructureBudget', 'onThrow', 'onStuck', 'undosAtOnce'];
const RETENTION_FIELDS = ['finishedMs', 'quarantinedMs'];
const LINT_FIELDS = ['rules', 'maxSteps'];
const POLICY_FIELDS = ['timeoutMs', 'retry'];

const MOST_WORKERS = 10_000;
const WEEK_MS = 604_800_000;
const VERIFY_RETRY: RetryPolicy = { attempts: 5, backoff: 'exponential', baseMs: 1_000, maxMs: 60_000 };
const UNDO_RETRY: RetryPolicy = { attempts: 20, backoff: 'exponential', baseMs: 1_000, maxMs: 300_000 };

export interface ResolvedSagaOptions {
  readonly engine: EngineOptions;
  readonly autoStart: boolean;
  readonly observers: readonly SagaObserver[];
  readonly problems: readonly string[];
}

/** Checks and completes the module's options: the one place where defaults live. All problems at once, none thrown. */
export function resolveSagaOptions(given: SagaModuleOptions | null | undefined): ResolvedSagaOptions {
  const check = new OptionChecker();
  const options = check.fields<SagaModuleOptions>(given as SagaModuleOptions, Object.keys(FIELDS), '');
  const engine = resolveEngine(options, check);
  const autoStart = check.isTrue(options.autoStart, true, 'autoStart');
  return { engine, autoStart, observers: observersOf(options.observers, check), problems: check.problems };
}

function resolveEngine(options: Partial<SagaModuleOptions>, check: OptionChecker): EngineOptions {
  const workers = check.fields(options.workers, WORKER_FIELDS, 'workers');
  const retention = check.fields(options.retention, RETENTION_FIELDS, 'retention');
  const leaseMs = check.time(options.leaseMs, 30_000, 'leaseMs', 100);
  const heartbeatMs = check.time(options.heartbeatMs, Math.min(10_000, leaseMs / 3), 'heartbeatMs', 10);
  if (heartbeatMs > leaseMs / 2) check.refuse('heartbeatMs', 'must be at most half of leaseMs, or one late beat loses the lease');
  return {
    workers: {
      action: check.count(workers.steps, 10, 'workers.steps', MOST_WORKERS),
      undo: check.count(workers.compensations, 10, 'workers.compensations', MOST_WORKERS),
    },
    dispatch: check.oneOf(options.dispatch, ['chain', 'broker'], 'dispatch'),
    group: groupOf(options.group, check),
    plan: resolvePlan(options, check),
    lint: resolveLint(options.lint, check),
    missingHandlers: check.oneOf(options.missingHandlers, ['warn', 'refuse', 'off'], 'missingHandlers'),
    leaseMs,
    heartbeatMs,
    graceMs: check.time(options.graceMs, 10_000, 'graceMs', 0),
    drainMs: check.time(options.drainMs, 25_000, 'drainMs', 0),
    sweepMs: check.time(options.sweepMs, 5_000, 'sweepMs', 10),
    resendMs: check.time(options.resendMs, 5_000, 'resendMs', 10),
    waitPollMs: check.time(options.waitPollMs, 5_000, 'waitPollMs', 10),
    retention: {
      finishedMs: check.age(retention.finishedMs, null, 'retention.finishedMs'),
      quarantinedMs: check.age(retention.quarantinedMs, WEEK_MS, 'retention.quarantinedMs'),
    },
    brokerFallbackMs: check.time(options.brokerFallbackMs, 5_000, 'brokerFallbackMs', 0),
  };
}

function resolvePlan(options: Partial<SagaModuleOptions>, check: OptionChecker): PlanDefaults {
  const defaults = check.fields(options.defaults, DEFAULT_FIELDS, 'defaults');
  const compensation = check.fields(defaults.compensation, POLICY_FIELDS, 'defaults.compensation');
  const losses = check.number(defaults.infrastructureBudget, 5, 'defaults.infrastructureBudget', 1);
  const timeoutMs = check.time(defaults.timeoutMs, 60_000, 'defaults.timeoutMs', 1);
  const onThrow =
    check.oneOf(defaults.onThrow, ['failed', 'unknown'], 'defaults.onThrow') === 'unknown' ? { onThrow: 'unknown' as const } : {};
  const undo: OperationPolicy = {
    timeoutMs: check.time(compensation.timeoutMs, timeoutMs, 'defaults.compensation.timeoutMs', 1),
    retry: check.retry(compensation.retry, UNDO_RETRY, 'defaults.compensation.retry'),
    losses,
    ...onThrow,
  };
  const { unknownActions = 'refuse' } = options;
  if (!['refuse', 'warn'].includes(unknownActions)) check.refuse('unknownActions', "must be 'refuse' or 'warn'");
  return {
    action: { timeoutMs, retry: check.retry(defaults.retry, null, 'defaults.retry'), losses, ...onThrow },
    undo,
    verify: { timeoutMs, retry: VERIFY_RETRY, losses },
    onStuck: check.oneOf(defaults.onStuck, ['halt', 'continue'], 'defaults.onStuck'),
    undosAtOnce: undosAtOnceOf(defaults.undosAtOnce, check),
    unknownKeys: unknownActions,
    limits: { maxBytes: check.number(options.maxPayloadBytes, 262_144, 'maxPayloadBytes', 1) },
  };
}

function resolveLint(given: unknown, check: OptionChecker): LintOptions {
  const { rules, maxSteps } = check.fields<LintOptions>(given as LintOptions, LINT_FIELDS, 'lint');
  const codes = LINT_RULES.map(({ code }) => code);
  const levels = check.fields<NonNullable<LintOptions['rules']>>(rules, codes, 'lint.rules');
  for (const [code, level] of Object.entries(levels)) {
    if (!['off', 'warn', 'error'].includes(level)) check.refuse(`lint.rules.${code}`, "must be 'off', 'warn' or 'error'");
  }
  return { rules: levels, maxSteps: check.count(maxSteps, 10, 'lint.maxSteps', 10_000) };
}

function undosAtOnceOf(given: number | undefined, check: OptionChecker): number {
  const problem = undosAtOnceProblem(given);
  if (problem !== null) check.refuse('defaults.undosAtOnce', problem);
  return problem !== null || given === undefined ? UNDOS_AT_ONCE : given;
}

function groupOf(group: string | undefined, check: OptionChecker): string {
  if (group === undefined || group === '' || isValidName(group)) return group ?? '';
  check.refuse('group', `${quoted(group)} is not ${NAME_RULE}`);
  return '';
}

function observersOf(observers: unknown, check: OptionChecker): readonly SagaObserver[] {
  if (observers === undefined) return [];
  const isObserver = (one: unknown): boolean => typeof (one as { notify?: unknown } | null | undefined)?.notify === 'function';
  if (Array.isArray(observers) && observers.every(isObserver)) return observers as readonly SagaObserver[];
  check.refuse('observers', 'must be an array of objects with a method notify(signal)');
  return [];
}
