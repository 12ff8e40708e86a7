import {
  BadRequestException,
  Body,
  Controller,
  Headers,
  HttpCode,
  PayloadTooLargeException,
  Post,
  ServiceUnavailableException,
  UnauthorizedException,
  type Type,
} from '@nestjs/common';
import { isRecord, optionsProblems } from './core/known-fields';
import type { CallbackResult } from './engine/callbacks';
import { SagaConfigurationError, SagaInputError, SagaTokenError } from './errors';
import { InjectSagaCallbacks } from './inject-saga.decorator';
import type { SagaCallbacks } from './saga.callbacks';

export interface SagaWebhookOptions {
  /** Where it listens. Default: `saga/callbacks`. */
  readonly path?: string;
  /** Name of the `SagaModule`, when an application has several. Default: `default`. */
  readonly name?: string;
}

/**
 * A controller that takes the notifications of external services: `POST <path>` with the token in the header `x-saga-token`, or in the body as `token`,
 * and `{ sagaId, stepId, status, output, error }`. It answers 200 with what became of the step, also when it is told the same again; 401 for whatever is
 * wrong with the token; 400 for a body that is no notification; 413 for one that is too large; 503 when it may be sent again.
 *
 * @example
 * @Module({ imports: [SagaModule.forRoot()], controllers: [sagaWebhookController({ path: 'saga/callbacks' })] })
 * class AppModule {}
 */
export function sagaWebhookController(options: SagaWebhookOptions = {}): Type<unknown> {
  const problems = optionsProblems('sagaWebhookController()', options, ['path', 'name']);
  if (problems.length > 0) throw new SagaConfigurationError(problems);
  const { path = 'saga/callbacks', name } = options;

  @Controller(path)
  class SagaWebhookController {
    constructor(@InjectSagaCallbacks(name) private readonly callbacks: SagaCallbacks) {}

    @Post()
    @HttpCode(200)
    async notify(@Headers('x-saga-token') header: unknown, @Body() body: unknown): Promise<CallbackResult> {
      const token = header ?? (isRecord(body) ? body['token'] : undefined);
      try {
        return await this.callbacks.handleNotification(token as string, body);
      } catch (error) {
        throw answerTo(error);
      }
    }
  }
  return SagaWebhookController;
}

function answerTo(error: unknown): Error {
  if (error instanceof SagaTokenError) return new UnauthorizedException(error.message);
  if (!(error instanceof SagaInputError))
    return new ServiceUnavailableException('the notification could not be stored; send it again', { cause: error });
  return error.isTooLarge ? new PayloadTooLargeException(error.message) : new BadRequestException(error.message);
}
