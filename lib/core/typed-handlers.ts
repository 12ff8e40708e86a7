import type { Reference } from './reference';
import type { ActionInput, ActionOutput, SagaActions } from './saga-actions';
import type { StepSpec } from './step-spec';
import type { StepWord } from './step-word';

type MaybeLater<T> = T | Promise<T>;

/** A method that may have the key `K`: for a key that is listed in `SagaActions` one that takes its input and returns its output. */
export type ActionMethod<K> = [K] extends [never]
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a key that is no text: refused at boot
    (...args: any[]) => unknown
  : K extends keyof SagaActions
    ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever a method says of its context
      (input: ActionInput<K>, ctx: any) => MaybeLater<ActionOutput<K> | StepWord>
    : // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any method
      (...args: any[]) => unknown;

/** Of an undo that says which action it is `for`: the method takes that action's output, or `undefined` when its outcome is unknown. */
export type UndoMethod<K> = K extends keyof SagaActions
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
    (output: ActionOutput<K> | undefined, ctx: any) => unknown
  : // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
    (...args: any[]) => unknown;

/** A decorator that only fits such a method. */
export type DecoratorOf<M> = <T extends M>(target: object, name: string | symbol, method: TypedPropertyDescriptor<T>) => void;

/** Data in which references may stand wherever a value does. */
export type Referring<T> = unknown extends T
  ? unknown
  : T extends readonly (infer E)[]
    ? readonly Referring<E>[] | Reference
    : T extends object
      ? { readonly [P in keyof T]: Referring<T[P]> } | Reference
      : T | Reference;

/** An element of a list of steps. Beside its form this must be true: an action of `SagaActions` is given the input that it takes. */
export type CheckedElement<E> = E extends readonly (infer S)[] ? E & readonly CheckedStep<S>[] : E & CheckedStep<E>;

type FieldsOf<S> = S extends unknown ? keyof S : never;

type CheckedStep<S> = { readonly [P in Exclude<keyof S, FieldsOf<StepSpec>>]: { 'a step has no such field': never } } & CheckedAction<S>;

type CheckedAction<S> = S extends { readonly action: infer K } ? (K extends keyof SagaActions ? CheckedInput<S, K> : unknown) : unknown;

/** A text where a type is expected: the compiler shows it to whoever got the input wrong. */
type CheckedInput<S, K extends string> = S extends { readonly input: infer I }
  ? I extends Referring<ActionInput<K>>
    ? unknown
    : { readonly input: `this is not SagaActions['${K}']['input']` }
  : undefined extends ActionInput<K>
    ? unknown
    : { readonly input: Referring<ActionInput<K>> };
