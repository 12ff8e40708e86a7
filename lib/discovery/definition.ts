import type { StandardSchemaV1 } from '../core/standard-schema';
import type { PlainStep } from '../core/step-spec';

/** A `@SagaDefinition` class, read once at boot: its plan as plain data. */
export interface Definition {
  readonly name: string;
  readonly deadlineMs: number | undefined;
  readonly onStuck: 'halt' | 'continue' | undefined;
  readonly undosAtOnce: number | undefined;
  /** Of the saga's input. */
  readonly schema: StandardSchemaV1 | undefined;
  readonly steps: readonly PlainStep[];
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- a class of any constructor is a token
export type DefinitionClass = Function;
