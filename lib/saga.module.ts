import {
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import type { SagaModuleOptions } from './options/saga-module-options';
import { ConfigurableModuleClass, type SagaModuleExtras } from './saga.module-definition';
import { SagaAssembler } from './saga.providers';
import { SagaRuntime } from './saga.runtime';

/**
 * Sagas for this application.
 *
 * Drains in `onModuleDestroy` and closes in `beforeApplicationShutdown`: one phase before TypeORM and the broker's client close theirs.
 *
 * @example
 * @Module({ imports: [TypeOrmModule.forRoot({ type: 'postgres', … }), SagaModule.forRoot()] })
 * class AppModule {}
 */
@Module({ imports: [DiscoveryModule] })
export class SagaModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  constructor(
    @Inject(SagaAssembler) private readonly assembler: SagaAssembler,
    @Inject(SagaRuntime) private readonly runtime: SagaRuntime,
  ) {
    super();
  }

  static override forRoot(options: SagaModuleOptions & SagaModuleExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  onModuleInit(): void {
    this.assembler.assemble();
  }

  async onApplicationBootstrap(): Promise<void> {
    const engine = await this.runtime.engine();
    if (this.assembler.autoStart) await engine.run();
  }

  async onModuleDestroy(): Promise<void> {
    await this.runtime.engineIfAny?.stop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.engineIfAny?.close();
  }
}
