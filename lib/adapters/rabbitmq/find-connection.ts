import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { TransportEnvironment } from '../../ports/transport-definition';
import { loadGolevelup } from './golevelup.loader';
import type { ApplicationConnection } from './rabbitmq-transport.options';

/** The application's connection that the option names; null when there is none. */
export function findConnection(wanted: ApplicationConnection | string, environment: TransportEnvironment): AmqpConnection | null {
  if (typeof wanted !== 'string') return wanted as AmqpConnection;
  const golevelup = loadGolevelup();
  const registry = environment.resolve<{ getConnection(name: string): AmqpConnection | undefined }>(golevelup.AmqpConnectionManager);
  const registered = registry?.getConnection(wanted);
  if (registered !== undefined) return registered;
  // `RabbitMQModule.attach(connection)` provides the connection, and knows no registry.
  const provided = environment.resolve<AmqpConnection>(golevelup.AmqpConnection);
  return provided?.configuration.name === wanted ? provided : null;
}
