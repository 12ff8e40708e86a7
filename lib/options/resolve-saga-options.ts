import type { OperationPolicy } from '../core/plan';
import { isValidName, NAME_RULE, quoted } from '../core/names';
import { retryPolicyOf, retryPolicyProblems, type RetryPolicy } from '../core/retry-policy';
import { didYouMean } from '../core/suggestion';
import type { EngineOptions } from './engine-options';
import type { SagaModuleOptions } from './saga-module-options';

const FIELDS = {
  store: true,
  transport: true,
  group: true,
  workers: true,
  autoStart: true,
  unknownActions: true,
  defaults: true,
  maxPayloadBytes: true,
  leaseMs: true,
  heartbeatMs: true,
  graceMs: true,
  drainMs: true,
  sweepMs: true,
  resendMs: true,
  brokerFallbackMs: true,
  retention: true,
  observers: true,
} satisfies Record<keyof SagaModuleOptions, true>;
const WORKER_FIELDS = ['steps', 'compensations'];
const DEFAULT_FIELDS = ['timeoutMs', 'retry', 'compensation', 'infrastructureBudget'];
const RETENTION_FIELDS = ['finishedMs', 'quarantinedMs'];
const POLICY_FIELDS = ['timeoutMs', 'retry'];

const WEEK_MS = 604_800_000;
const UNDO_RETRY: RetryPolicy = { attempts: 20, backoff: 'exponential', baseMs: 1_000, maxMs: 300_000 };

export interface ResolvedSagaOptions {
  readonly engine: EngineOptions;
  readonly autoStart: boolean;
  readonly problems: readonly string[];
}

/** Checks and completes the module's options: the one place where defaults live. All problems at once, none thrown. */
export function resolveSagaOptions(options: SagaModuleOptions): ResolvedSagaOptions {
  const problems: string[] = [];
  const known = (value: object | undefined, fields: readonly string[], where: string): void => {
    for (const field of Object.keys(value ?? {})) {
      if (!fields.includes(field)) problems.push(`unknown option ${quoted(where + field)}${didYouMean(field, fields)}`);
    }
  };
  const number = (value: number | undefined, fallback: number, name: string, least: number): number => {
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
      problems.push(`option "${name}" must be a number, ${least} or more`);
    return value;
  };
  const retry = (
    value: Parameters<typeof retryPolicyOf>[0] | undefined,
    fallback: RetryPolicy | null,
    name: string,
  ): RetryPolicy | null => {
    if (value === undefined) return fallback;
    const found = retryPolicyProblems(value);
    problems.push(...found.map((problem) => `option "${name}": ${problem}`));
    return found.length > 0 ? fallback : retryPolicyOf(value);
  };

  const { workers, defaults, retention, group = '', unknownActions = 'refuse' } = options;
  known(options, Object.keys(FIELDS), '');
  known(workers, WORKER_FIELDS, 'workers.');
  known(retention, RETENTION_FIELDS, 'retention.');
  known(defaults, DEFAULT_FIELDS, 'defaults.');
  known(defaults?.compensation, POLICY_FIELDS, 'defaults.compensation.');
  if (group !== '' && !isValidName(group)) problems.push(`option "group" ${quoted(group)} is not ${NAME_RULE}`);
  if (!['refuse', 'warn'].includes(unknownActions)) problems.push(`option "unknownActions" must be 'refuse' or 'warn'`);

  const losses = number(defaults?.infrastructureBudget, 5, 'defaults.infrastructureBudget', 1);
  const timeoutMs = number(defaults?.timeoutMs, 60_000, 'defaults.timeoutMs', 1);
  const action: OperationPolicy = { timeoutMs, retry: retry(defaults?.retry, null, 'defaults.retry'), losses };
  const undo: OperationPolicy = {
    timeoutMs: number(defaults?.compensation?.timeoutMs, timeoutMs, 'defaults.compensation.timeoutMs', 1),
    retry: retry(defaults?.compensation?.retry, UNDO_RETRY, 'defaults.compensation.retry'),
    losses,
  };
  const leaseMs = number(options.leaseMs, 30_000, 'leaseMs', 100);
  const heartbeatMs = number(options.heartbeatMs, Math.min(10_000, leaseMs / 3), 'heartbeatMs', 10);
  if (heartbeatMs > leaseMs / 2) problems.push('option "heartbeatMs" must be at most half of leaseMs, or one late beat loses the lease');
  const count = (value: number | undefined, name: string): number => {
    const checked = number(value, 10, name, 0);
    if (!Number.isInteger(checked)) problems.push(`option "${name}" must be a whole number`);
    return checked;
  };
  const age = (value: number | null | undefined, fallback: number | null, name: string): number | null =>
    value === null ? null : value === undefined ? fallback : number(value, 0, name, 0);
  const engine: EngineOptions = {
    workers: { action: count(workers?.steps, 'workers.steps'), undo: count(workers?.compensations, 'workers.compensations') },
    group,
    plan: {
      action,
      undo,
      unknownKeys: unknownActions,
      limits: { maxBytes: number(options.maxPayloadBytes, 262_144, 'maxPayloadBytes', 1) },
    },
    leaseMs,
    heartbeatMs,
    graceMs: number(options.graceMs, 10_000, 'graceMs', 0),
    drainMs: number(options.drainMs, 25_000, 'drainMs', 0),
    sweepMs: number(options.sweepMs, 5_000, 'sweepMs', 10),
    resendMs: number(options.resendMs, 5_000, 'resendMs', 10),
    retention: {
      finishedMs: age(retention?.finishedMs, null, 'retention.finishedMs'),
      quarantinedMs: age(retention?.quarantinedMs, WEEK_MS, 'retention.quarantinedMs'),
    },
    brokerFallbackMs: number(options.brokerFallbackMs, 5_000, 'brokerFallbackMs', 0),
  };
  return { engine, autoStart: options.autoStart ?? true, problems };
}
