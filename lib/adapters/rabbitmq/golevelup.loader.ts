import { SagaConfigurationError } from '../../errors';

export type Golevelup = typeof import('@golevelup/nestjs-rabbitmq');

const PACKAGE = '@golevelup/nestjs-rabbitmq';

/** The only place that loads the broker's client: who uses another transport need not install it. */
export function loadGolevelup(): Golevelup {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would load it with the package
    return require('@golevelup/nestjs-rabbitmq') as Golevelup;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new SagaConfigurationError([`the RabbitMQ transport needs the package ${PACKAGE}: npm install ${PACKAGE}`]);
  }
}

function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'MODULE_NOT_FOUND' && typeof message === 'string' && message.includes(`'${PACKAGE}'`);
}
