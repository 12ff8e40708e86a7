import { SagaClosedError, SagaConfigurationError, SagaPlanError } from './errors';
import type { Definition, DefinitionClass } from './discovery/definition';
import type { SagaEngine } from './engine/saga-engine';

/** What the module makes at boot and the services use: the engine and the sagas that are classes. */
export class SagaRuntime {
  private assembled: { readonly engine: SagaEngine; readonly definitions: ReadonlyMap<DefinitionClass, Definition> } | undefined;

  assemble(engine: SagaEngine, definitions: ReadonlyMap<DefinitionClass, Definition>): void {
    this.assembled = { engine, definitions };
  }

  get isAssembled(): boolean {
    return this.assembled !== undefined;
  }

  /** The engine, opened: a saga may be started from an `onApplicationBootstrap` hook that runs before ours. */
  async engine(): Promise<SagaEngine> {
    const engine = this.assembledEngine();
    await engine.open();
    return engine;
  }

  /** @throws SagaConfigurationError before the application has read its handlers */
  assembledEngine(): SagaEngine {
    if (this.assembled === undefined) {
      throw new SagaConfigurationError([
        'a saga was used before the application had read its handlers; call SagaService from onApplicationBootstrap or later',
      ]);
    }
    return this.assembled.engine;
  }

  /** The engine as it is, for its shutdown. */
  get engineIfAny(): SagaEngine | undefined {
    return this.assembled?.engine;
  }

  definitionOf(type: DefinitionClass): Definition {
    const definition = this.assembled?.definitions.get(type);
    if (definition !== undefined) return definition;
    if (this.assembled === undefined) throw new SagaClosedError('start a saga');
    throw new SagaPlanError(type.name, [
      `${type.name} is no saga of this module: add it to the providers of a module, with @SagaDefinition({ name }) on it`,
    ]);
  }
}
