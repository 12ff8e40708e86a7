import { Controller, Get, HttpCode, Param, Post, Query, UseFilters } from '@nestjs/common';
import { SagaService, type SagaState } from 'nest-saga';
import { SagaErrorsFilter } from './saga-errors.filter';
import { SagaStatePipe } from './saga-state.pipe';
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

  /** Turns a running saga back. Accepted, not done: the undos run from now on. */
  @Post(':id/compensate')
  @HttpCode(202)
  async compensate(@Param('id') id: string): Promise<SagaView> {
    return viewOf(await this.sagas.compensate(id, { reason: 'asked over HTTP' }));
  }
}
