import { Catch, ConflictException, NotFoundException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { SagaNotFoundError, SagaTerminalError } from 'nest-saga';

/** What the saga engine refuses, in the words of HTTP. */
@Catch(SagaNotFoundError, SagaTerminalError)
export class SagaErrorsFilter extends BaseExceptionFilter {
  override catch(error: SagaNotFoundError | SagaTerminalError, host: ArgumentsHost): void {
    super.catch(error instanceof SagaNotFoundError ? new NotFoundException(error.message) : new ConflictException(error.message), host);
  }
}
