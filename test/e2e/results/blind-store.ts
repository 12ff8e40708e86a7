import { typeOrmStore, type SagaStore, type StoreDefinition } from 'nest-saga';

/** A store that counts how often it is asked for the states of sagas, and can be made to see no end. */
export class BlindStore {
  readonly asked: (readonly string[])[] = [];
  isBlind = false;
  readonly definition: StoreDefinition;

  constructor(schema: string) {
    const real = typeOrmStore({ schema, autoMigrate: true });
    this.definition = { ...real, create: (environment) => this.watch(real.create(environment)) };
  }

  private watch(store: SagaStore): SagaStore {
    const states = store.states.bind(store);
    store.states = async (ids) => {
      this.asked.push(ids);
      return this.isBlind ? new Map(ids.map((id) => [id, 'started'])) : states(ids);
    };
    return store;
  }
}
