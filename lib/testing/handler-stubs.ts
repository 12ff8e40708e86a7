import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import { unknownFieldProblems, isRecord } from '../core/known-fields';
import { nameProblem } from '../core/names';
import { retryPolicyOf, retryPolicyProblems, type RetryOptions } from '../core/retry-policy';
import type { CompensationContext, StepContext, VerifyContext } from '../ports/step-invoker';
import { SagaTestError } from './saga-test.error';

/** Says nothing of its first argument, so that a function may name the type that it knows it gets. */
type Stub<C> = { run(input: unknown, context: C): unknown }['run'];

export interface StubOptions {
  /** Compensations: the action that it undoes when a plan names none. Default: none. */
  readonly for?: string;
  /** One attempt may take this many virtual milliseconds. Default: the module's (60,000). */
  readonly timeoutMs?: number;
  /** When a failed attempt is tried again. Default: an action is not, a compensation 20 times. */
  readonly retry?: RetryOptions;
}

type Written<C> = Stub<C> | ({ readonly run: Stub<C> } & StubOptions);

/** Functions in place of handlers, by their keys. A key that one of the providers has is replaced; another is added. */
export interface HandlerStubs {
  /** Called with the input of the step. */
  readonly actions?: Readonly<Record<string, Written<StepContext>>>;
  /** Called with what the action returned. */
  readonly compensations?: Readonly<Record<string, Written<CompensationContext>>>;
  /** By the key of the action that they ask after; called with its input. */
  readonly verifiers?: Readonly<Record<string, Written<VerifyContext>>>;
}

export interface ReadStub {
  readonly declaration: HandlerDeclaration;
  readonly run: Stub<never>;
}

const KINDS = { actions: 'action', compensations: 'undo', verifiers: 'verify' } as const satisfies Record<keyof HandlerStubs, HandlerKind>;
const FIELDS = ['run', 'for', 'timeoutMs', 'retry'];

/** @throws SagaTestError naming everything that is wrong */
export function readStubs(stubs: HandlerStubs): readonly ReadStub[] {
  const problems = isRecord(stubs) ? unknownFieldProblems(stubs, Object.keys(KINDS)) : ['they must be an object'];
  const read = (Object.keys(KINDS) as (keyof HandlerStubs)[]).flatMap((group) =>
    Object.entries(stubs[group] ?? {}).map(([key, written]) => stubOf(KINDS[group], key, written as Written<never>, problems)),
  );
  if (problems.length > 0) throw new SagaTestError(`the handlers of the test kit: ${problems.join('; ')}`);
  return read;
}

function stubOf(direction: HandlerKind, key: string, written: Written<never>, problems: string[]): ReadStub {
  const { run, timeoutMs, retry, ...more } = typeof written === 'function' ? { run: written } : written;
  const found = [
    nameProblem('the key', key),
    typeof run === 'function' ? null : 'must be a function, or { run, timeoutMs, retry }',
    ...(retry === undefined ? [] : retryPolicyProblems(retry)),
    ...(typeof written === 'function' ? [] : unknownFieldProblems(written, FIELDS)),
  ].filter((problem) => problem !== null);
  problems.push(...found.map((problem) => `"${key}": ${problem}`));
  const policy = {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(retry !== undefined && found.length === 0 && { retry: retryPolicyOf(retry) }),
  };
  return { declaration: { direction, key, undoes: more.for ?? null, policy }, run };
}
