import {
  Catch,
  ConflictException,
  NotFoundException,
  ServiceUnavailableException,
  type ArgumentsHost,
  type HttpException,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { SagaClosedError, SagaNotFoundError, SagaTerminalError } from 'nest-saga';

/** What the saga engine refuses, in the words of HTTP. */
@Catch(SagaNotFoundError, SagaTerminalError, SagaClosedError)
export class SagaErrorsFilter extends BaseExceptionFilter {
  override catch(error: SagaNotFoundError | SagaTerminalError | SagaClosedError, host: ArgumentsHost): void {
    super.catch(inHttp(error), host);
  }
}

function inHttp(error: SagaNotFoundError | SagaTerminalError | SagaClosedError): HttpException {
  if (error instanceof SagaNotFoundError) return new NotFoundException(error.message);
  // This process is about to end: another one can be asked.
  if (error instanceof SagaClosedError) return new ServiceUnavailableException(error.message);
  return new ConflictException(error.message);
}
