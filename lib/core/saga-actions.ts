/**
 * What the handlers of an application take and return, by their keys. Empty here; an application adds its own, and the builder then knows
 * the inputs that its steps need and the outputs that later steps may refer to. A key that is not listed takes and returns anything.
 *
 * @example
 * declare module 'nest-saga' {
 *   interface SagaActions {
 *     'payment.charge': { input: { orderId: string; amount: number }; output: { transaction: string } };
 *   }
 * }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by declaration merging
export interface SagaActions {}

/** A key that is listed, or any other; the listed ones are offered by an editor. */
// eslint-disable-next-line @typescript-eslint/no-redundant-type-constituents -- with no key listed it is any text
export type ActionKey = (keyof SagaActions & string) | (string & Record<never, never>);

export type ActionInput<K> = K extends keyof SagaActions ? (SagaActions[K] extends { readonly input: infer I } ? I : unknown) : unknown;

export type ActionOutput<K> = K extends keyof SagaActions ? (SagaActions[K] extends { readonly output: infer O } ? O : unknown) : unknown;
