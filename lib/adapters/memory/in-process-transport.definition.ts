import { SagaConfigurationError } from '../../errors';
import { isRecord, optionsProblems } from '../../core/known-fields';
import type { StoredEvent } from '../../ports/outbox-event';
import type { TransportDefinition } from '../../ports/transport-definition';
import { InProcessTransport } from './in-process.transport';
import { InProcessExchange } from './in-process.transport-exchange';

/** Options of `inProcessTransport()`. */
export interface InProcessTransportOptions {
  /** Hears the events that the application publishes. Default: nobody does. */
  readonly onEvent?: (event: StoredEvent) => void;
}

/**
 * Wake-ups inside this process, without a broker. Every application that is given the same definition shares one exchange, so two
 * applications in one process can work for each other; closing one leaves the others alone.
 *
 * @example
 * SagaModule.forRoot({ transport: inProcessTransport() })
 */
export function inProcessTransport(options: InProcessTransportOptions = {}): TransportDefinition {
  const problems = problemsOf(options);
  const exchange = new InProcessExchange(problems.length > 0 ? undefined : options.onEvent);
  return {
    kind: 'in-process',
    problems: () => problems,
    create: () => {
      if (problems.length > 0) throw new SagaConfigurationError(problems);
      return new InProcessTransport(exchange);
    },
  };
}

function problemsOf(options: InProcessTransportOptions): readonly string[] {
  const problems = optionsProblems('inProcessTransport()', options, ['onEvent']);
  const given: unknown = options;
  if (isRecord(given) && given['onEvent'] !== undefined && typeof given['onEvent'] !== 'function')
    problems.push('inProcessTransport(): onEvent must be a function');
  return problems;
}
