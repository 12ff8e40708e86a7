import { Controller, Get, HttpCode, Param, Post, Query, Sse, UseFilters, type MessageEvent } from '@nestjs/common';
import { SagaService, type SagaState } from 'nest-saga';
import type { Observable } from 'rxjs';
import { SagaErrorsFilter } from './saga-errors.filter';
import { SagaStatePipe } from './saga-state.pipe';
import { serverSent } from './server-sent';
import { viewOf, type SagaView } from './saga.view';

@Controller('sagas')
@UseFilters(SagaErrorsFilter)
export class SagasController {
  constructor(private readonly sagas: SagaService) {}

  /** The newest 100. */
  @Get()
  async list(@Query('state', SagaStatePipe) state?: SagaState): Promise<readonly SagaView[]> {
    return (await this.sagas.list(state === undefined ? {} : { state })).map(viewOf);
  }

  @Get(':id')
  async show(@Param('id') id: string): Promise<SagaView> {
    return viewOf(await this.sagas.get(id));
  }

  /** How far it is, now and whenever that changes, in whichever server it runs; the stream ends with the saga. */
  @Sse(':id/progress')
  async progress(@Param('id') id: string): Promise<Observable<MessageEvent>> {
    const saga = await this.sagas.get(id); // not there: 404, before the stream begins
    return serverSent((signal) => this.sagas.watch(saga.id, { signal }));
  }

  /** Turns a running saga back. Accepted, not done: the undos run from now on. */
  @Post(':id/compensate')
  @HttpCode(202)
  async compensate(@Param('id') id: string): Promise<SagaView> {
    return viewOf(await this.sagas.compensate(id, { reason: 'asked over HTTP' }));
  }
}
