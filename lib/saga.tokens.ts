/** The options of one `SagaModule`. */
export const SAGA_OPTIONS = Symbol.for('nest-saga:options');
/** The name of one `SagaModule`. */
export const SAGA_INSTANCE = Symbol.for('nest-saga:instance');
