import type { HandlerDeclaration } from '../core/handler-declaration';
import type { Direction } from '../core/operation';
import { isValidName, nameProblem, NAME_RULE, quoted } from '../core/names';
import type { Isolation } from '../core/plan';
import { retryPolicyOf, retryPolicyProblems } from '../core/retry-policy';
import { unknownFieldProblems } from '../core/known-fields';
import { COMPENSATE_FIELDS, STEP_FIELDS, type HandlerOptions } from '../decorators/metadata';
import type { MethodCaller } from './method-caller';
import type { MethodHandler } from './method-handler';

const ISOLATIONS: readonly Isolation[] = ['REPEATABLE READ', 'SERIALIZABLE'];

/** A decorated method of a provider, and the class that people know it by. */
export interface HostMethod {
  readonly host: object;
  readonly className: string;
  readonly method: string;
}

/** Gathers the handlers of one engine, and everything that is wrong with them. */
export class HandlerCollector {
  readonly handlers: MethodHandler[] = [];
  readonly problems: string[] = [];

  constructor(private readonly caller: MethodCaller) {}

  addAction(at: HostMethod, key: string, options: HandlerOptions): void {
    this.add(at, 'action', key, null, options);
  }

  addUndo(at: HostMethod, key: string, undoes: string | null, options: HandlerOptions): void {
    this.add(at, 'undo', key, undoes, options);
  }

  refuse(direction: Direction, at: HostMethod, problem: string): void {
    this.problems.push(`${direction === 'action' ? '@SagaStep' : '@Compensate'} on ${at.className}.${at.method}: ${problem}`);
  }

  private add(at: HostMethod, direction: Direction, key: string, undoes: string | null, options: HandlerOptions): void {
    const fields = direction === 'action' ? STEP_FIELDS : COMPENSATE_FIELDS;
    const problems = [...problemsOf(key, undoes, options), ...unknownFieldProblems(options, fields)];
    for (const problem of problems) this.refuse(direction, at, problem);
    if (problems.length > 0) return;
    const { timeoutMs, retry, transactional, isolation } = options;
    const policy = {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(retry === undefined ? {} : { retry: retryPolicyOf(retry) }),
      ...(transactional === true && { transactional }),
      ...(isolation !== undefined && { isolation }),
    };
    const declaration: HandlerDeclaration = { direction, key, undoes, policy };
    this.handlers.push({ declaration, where: `${at.className}.${at.method}`, call: this.caller.callerOf(at.host, at.method) });
  }

  /** Keys that more than one method has. */
  duplicates(): readonly string[] {
    const places = new Map<string, string[]>();
    for (const { declaration, where } of this.handlers) {
      const name = declaration.direction === 'action' ? `@SagaStep('${declaration.key}')` : `@Compensate('${declaration.key}')`;
      places.set(name, [...(places.get(name) ?? []), where]);
    }
    return [...places]
      .filter(([, found]) => found.length > 1)
      .map(([name, found]) => `${name} is on ${found.join(' and on ')}; a key has one handler (is the class a provider of two modules?)`);
  }
}

function problemsOf(key: string, undoes: string | null, options: HandlerOptions): readonly string[] {
  const { retry, timeoutMs } = options;
  const problems = retry === undefined ? [] : retryPolicyProblems(retry);
  const keyProblem = nameProblem('the key', key);
  if (keyProblem !== null) problems.push(keyProblem);
  if (undoes !== null && !isValidName(undoes)) problems.push(`"for" ${quoted(undoes)} is not ${NAME_RULE}`);
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) problems.push('timeoutMs must be a number above 0');
  return [...problems, ...transactionProblems(options)];
}

function transactionProblems({ transactional, isolation }: HandlerOptions): readonly string[] {
  if (transactional !== undefined && typeof transactional !== 'boolean') return ['transactional must be true or false'];
  if (isolation === undefined) return [];
  if (!ISOLATIONS.includes(isolation))
    return [`isolation must be one of ${ISOLATIONS.map((name) => `'${name}'`).join(', ')}, or be left out`];
  return transactional === true ? [] : ['isolation is of a transaction, and this handler has none; add transactional: true'];
}
