import { ConsoleLogger } from '@nestjs/common';

/** Warnings and errors only: this program tells its story itself. */
export class QuietLogger extends ConsoleLogger {
  override log(): void {}
}
