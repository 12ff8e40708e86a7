/** The options of one `SagaModule`. */
export const SAGA_OPTIONS = Symbol.for('nest-saga:options');
/** The name of one `SagaModule`. */
export const SAGA_INSTANCE = Symbol.for('nest-saga:instance');
/** For tests: makes the engine in place of the module. */
export const SAGA_ENGINE_FACTORY = Symbol.for('nest-saga:engine-factory');
