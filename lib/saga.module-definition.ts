import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { SagaModuleOptions } from './options/saga-module-options';
import { sagaExports, sagaProviders } from './saga.providers';
import { SAGA_OPTIONS } from './saga.tokens';

export interface SagaModuleExtras {
  /** Name of this engine, when an application has several. Each has its own tables, exchange and queues. Default: `default`. */
  name?: string;
  /** False: only modules that import this one can inject its services. Default: true. */
  isGlobal?: boolean;
}

export const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<SagaModuleOptions>({
  moduleName: 'Saga',
  optionsInjectionToken: SAGA_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<SagaModuleExtras>({ name: 'default', isGlobal: true }, (definition, { name = 'default', isGlobal = true }) => ({
    ...definition,
    global: isGlobal,
    providers: [...(definition.providers ?? []), ...sagaProviders(name)],
    exports: sagaExports(name),
  }))
  .build();
