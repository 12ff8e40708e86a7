import type { LintFinding } from '../core/lint';
import type { OperationRef } from '../core/operation';
import type { SagaState } from '../core/saga-value';
import type { MissingHandler } from './saga-store';

/** Told of everything that happens in this process; must not throw. Logs, metrics and tests are observers. */
export interface SagaObserver {
  notify(signal: SagaSignal): void;
}

export type SagaSignal =
  | { readonly type: 'saga.started'; readonly sagaId: string; readonly name: string }
  | { readonly type: 'saga.ended'; readonly sagaId: string; readonly name: string; readonly state: SagaState }
  | { readonly type: 'saga.attention'; readonly sagaId: string; readonly name: string; readonly raised: boolean }
  | {
      readonly type: 'operation.claimed';
      readonly sagaId: string;
      readonly operation: OperationRef;
      readonly key: string;
      readonly attempt: number;
    }
  | { readonly type: 'operation.refused'; readonly sagaId: string; readonly operation: OperationRef; readonly reason: string }
  | { readonly type: 'operation.completed'; readonly sagaId: string; readonly operation: OperationRef; readonly key: string }
  | {
      readonly type: 'operation.skipped';
      readonly sagaId: string;
      readonly operation: OperationRef;
      readonly key: string;
      readonly reason: string;
    }
  | {
      readonly type: 'operation.waiting';
      readonly sagaId: string;
      readonly operation: OperationRef;
      readonly key: string;
      /** What will end the wait. */
      readonly wait: 'callback' | 'timer' | 'signal' | 'saga';
    }
  | {
      readonly type: 'operation.failed';
      readonly sagaId: string;
      /** Name of the step. */
      readonly step: string;
      readonly operation: OperationRef;
      readonly key: string;
      readonly code: string;
      readonly message: string;
      readonly willRetry: boolean;
    }
  | {
      readonly type: 'operation.verified';
      readonly sagaId: string;
      readonly operation: OperationRef;
      readonly key: string;
      /** What its `@Verify` handler answered. */
      readonly found: 'done' | 'not-done' | 'unknown';
    }
  | {
      readonly type: 'operation.lost';
      readonly sagaId: string;
      /** Name of the step. */
      readonly step: string;
      readonly operation: OperationRef;
      readonly key: string;
      readonly why: 'lease' | 'stale' | 'timeout';
    }
  | {
      readonly type: 'wake-up.sent';
      readonly sagaId: string;
      readonly operation: OperationRef;
      readonly result: 'sent' | 'unroutable' | 'unavailable';
    }
  /** A step waits for another saga, and that one is stuck: a person must act there. */
  | { readonly type: 'child.stuck'; readonly sagaId: string; readonly step: string; readonly childId: string }
  | { readonly type: 'sweep.done'; readonly wakeUps: number; readonly expired: number; readonly deadlines: number }
  | { readonly type: 'purge.done'; readonly sagas: number; readonly messages: number }
  | { readonly type: 'event.published'; readonly eventId: string; readonly eventType: string }
  | { readonly type: 'plan.questioned'; readonly name: string; readonly findings: readonly LintFinding[] }
  | { readonly type: 'message.quarantined'; readonly source: string; readonly reason: string }
  /** At boot: sagas that have not ended may need these, and no process that is there has them. */
  | { readonly type: 'handlers.missing'; readonly handlers: readonly MissingHandler[] }
  | { readonly type: 'engine.trouble'; readonly where: string; readonly error: Error };

export type SagaSignalType = SagaSignal['type'];
