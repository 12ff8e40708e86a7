import type { LintOptions } from '../core/lint';
import type { RetryOptions } from '../core/retry-policy';
import type { SagaObserver } from '../ports/saga-observer';
import type { StoreDefinition } from '../ports/store-definition';
import type { TransportDefinition } from '../ports/transport-definition';

/** What `SagaModule.forRoot()` takes. Every field is optional; times are in milliseconds. */
export interface SagaModuleOptions {
  /** Default: `typeOrmStore()`, on the application's TypeORM `DataSource`. */
  readonly store?: StoreDefinition;
  /** Default: `rabbitMqTransport()`, at `AMQP_URL`. */
  readonly transport?: TransportDefinition;
  /** Services with different handlers need different groups: each has queues of its own. Default: none. */
  readonly group?: string;
  /** How many handlers run at once in this process. 0 and 0: a client that only starts sagas. Default: 10 and 10. */
  readonly workers?: { readonly steps?: number; readonly compensations?: number };
  /**
   * How the next step reaches a worker. `chain`: whoever has ended a step, or starts a saga, claims the next one in the same commit while it has
   * a handler and a slot for it and nobody waits for that slot; otherwise a message goes round. `broker`: a message always goes round.
   * Default: `chain`.
   */
  readonly dispatch?: 'chain' | 'broker';
  /** False: nothing is consumed until `SagaService.run()`. Default: true. */
  readonly autoStart?: boolean;
  /** `warn`: a plan may name a handler that no process has yet, and waits for it. Default: `refuse`. */
  readonly unknownActions?: 'refuse' | 'warn';
  /**
   * What a boot does when sagas that have not ended may still need a handler that neither this process nor any that is there has.
   * `warn` names each key and how many sagas need it; `refuse` stops the boot with SagaConfigurationError, unless only another `group`
   * ever had it; `off` does not look. A process without workers, or without handlers, never looks. Default: `warn`.
   */
  readonly missingHandlers?: 'warn' | 'refuse' | 'off';
  /** What applies to handlers that say nothing themselves. */
  readonly defaults?: {
    /** One attempt may take this long; then its signal aborts. Default: 60,000. */
    readonly timeoutMs?: number;
    /** Of steps. Default: one attempt, unless the handler's error says `retryable: true`. */
    readonly retry?: RetryOptions;
    /** Of compensations. Default: the timeout of steps, and 20 attempts, exponential from 1,000 to 300,000. */
    readonly compensation?: { readonly timeoutMs?: number; readonly retry?: RetryOptions };
    /** Attempts that may be lost with their process before the outcome counts as unknown. Default: 5. */
    readonly infrastructureBudget?: number;
    /** What an error means that says nothing about the effect. Default: `failed`. */
    readonly onThrow?: 'failed' | 'unknown';
    /**
     * What becomes of the other compensations when one is given up. `halt`: none begins any more, for order is the promise. `continue`: those that
     * the stuck one was not built on go on, and then the saga is stuck. Default: `halt`.
     */
    readonly onStuck?: 'halt' | 'continue';
    /**
     * At most this many compensations of one saga at a time, in all processes together, 1 to 1,000; 1 is the strict reverse order of
     * start. Default: 10.
     */
    readonly undosAtOnce?: number;
  };
  /**
   * What the linter says of plans, at boot of classes and at the first start of any other: `off`, `warn` in the log, `error` refuses the boot or
   * the start. `maxSteps` is where `too-many-steps` begins. Default: docs/plans.md, and 10.
   */
  readonly lint?: LintOptions;
  /** Largest input, context, metadata and output, encoded. Default: 262,144 bytes. */
  readonly maxPayloadBytes?: number;
  /** How long a claim is trusted without a sign of life. Default: 30,000. */
  readonly leaseMs?: number;
  /** How often a running attempt gives a sign of life. Default: 10,000, or a third of a shorter lease; at most half the lease. */
  readonly heartbeatMs?: number;
  /** How long after its lease, or its timeout, an attempt is still waited for. Default: 10,000. */
  readonly graceMs?: number;
  /** How long a shutdown waits for running handlers. Default: 25,000. */
  readonly drainMs?: number;
  /** The longest time between two looks at what is due. Default: 5,000. */
  readonly sweepMs?: number;
  /** When a wake-up that nobody claimed is sent again; it doubles up to 300,000. Default: 5,000. */
  readonly resendMs?: number;
  /** After this long without a confirmed wake-up, work is claimed straight from the store. Default: 5,000. */
  readonly brokerFallbackMs?: number;
  /**
   * How often this process looks at all the sagas that it waits for, should it have missed that one ended elsewhere. Each second while
   * the broker is out of reach. Default: 5,000.
   */
  readonly waitPollMs?: number;
  /** What is removed, and when. A business key is never removed: it can never start again. */
  readonly retention?: {
    /** How long a saga that has ended is kept, with its history. Default: null, for ever. */
    readonly finishedMs?: number | null;
    /** How long a message that nobody understood is kept; null: for ever. Default: 604,800,000 (7 days). */
    readonly quarantinedMs?: number | null;
  };
  /** Told of everything that happens in this process. Default: none but Nest's log. */
  readonly observers?: readonly SagaObserver[];
}
