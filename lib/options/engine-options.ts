import type { LintOptions } from '../core/lint';
import type { PlanDefaults } from '../core/plan-compiler';

/** Everything the engine is told; made by `resolveSagaOptions`, so complete and checked. Times in milliseconds. */
export interface EngineOptions {
  /** How many actions and how many undos run at once in this process. 0 and 0: it only starts sagas. */
  readonly workers: { readonly action: number; readonly undo: number };
  /** `chain`: a worker goes on at once with what its report, or its start, sets free. `broker`: a message says each time that it may. */
  readonly dispatch: 'chain' | 'broker';
  /** Processes with the same handlers share a group. Empty: the default group. */
  readonly group: string;
  readonly plan: PlanDefaults;
  /** What a boot does about handlers that sagas may still need and nobody has. */
  readonly missingHandlers: 'warn' | 'refuse' | 'off';
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** How long after its lease an operation is left alone. */
  readonly graceMs: number;
  /** A shutdown waits this long for running handlers. */
  readonly drainMs: number;
  /** The longest sleep of the sweeper. */
  readonly sweepMs: number;
  /** When a wake-up that nobody claimed is sent again the first time. */
  readonly resendMs: number;
  /** What the linter says of plans that are started. */
  readonly lint: LintOptions;
  /** How often the sagas that this process waits for are looked at, in case a notice is lost. */
  readonly waitPollMs: number;
  /** How long finished sagas and quarantined messages are kept; null: for ever. */
  readonly retention: { readonly finishedMs: number | null; readonly quarantinedMs: number | null };
  /** A delivery without a free slot for this long is acknowledged unclaimed; its row is still due. */
  readonly slotWaitMs?: number;
  /** How operations wait whose process died. */
  readonly suspects?: SuspectTimes;
  /** After this long without a confirmed wake-up, work is claimed straight from the store. */
  readonly brokerFallbackMs: number;
}

/** The longest time between two wake-ups for the same operation. */
export const RESEND_MAX_MS = 300_000;

/** `slotWaitMs`, unless a test is in a hurry. */
export const SLOT_WAIT_MS = 5_000;

export interface SuspectTimes {
  /** How long a suspect waits for the process to become idle by itself. */
  readonly patienceMs: number;
  /** It doubles up to this when the process did not become idle although nothing was claimed. */
  readonly longestPatienceMs: number;
  /** For how long nothing else is claimed: while the process becomes idle, and again while suspects have it to themselves. */
  readonly holdMs: number;
}

/** `suspects`, unless a test is in a hurry. */
export const SUSPECT_TIMES: SuspectTimes = { patienceMs: 5_000, longestPatienceMs: 300_000, holdMs: 30_000 };
