import type { TransportDefinition } from '../../ports/transport-definition';
import { InProcessTransport } from './in-process.transport';
import { InProcessExchange } from './in-process.transport-exchange';

/**
 * Wake-ups inside this process, without a broker. Every application that is given the same definition shares one exchange, so two
 * applications in one process can work for each other; closing one leaves the others alone.
 *
 * @example
 * SagaModule.forRoot({ transport: inProcessTransport() })
 */
export function inProcessTransport(): TransportDefinition {
  const exchange = new InProcessExchange();
  return {
    kind: 'in-process',
    problems: () => [],
    create: () => new InProcessTransport(exchange),
  };
}
