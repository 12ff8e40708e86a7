import { ConsoleLogger } from '@nestjs/common';

/** What Nest tells about its own boot; everything else, and every warning, is shown. */
const OF_NEST = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

export class QuietLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: readonly unknown[]): void {
    if (!OF_NEST.has(String(rest.at(-1)))) super.log(message, ...(rest as [string]));
  }
}
