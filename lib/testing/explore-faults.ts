import { StepError } from '../errors';
import type { PlannedSteps } from './planned-steps';
import { SagaTestError } from './saga-test.error';
import type { SagaTestKit } from './saga-test-kit';
import { INJECTED, type HowOften, type StepFaults } from './step-faults';

/** What `explore()` lets go wrong at every point. */
export type FaultName =
  'fails' | 'fails once' | 'times out before' | 'times out after' | 'crashes before' | 'crashes after' | 'runs twice' | 'comes late';

interface Sort {
  readonly of: readonly ('action' | 'undo')[];
  readonly plan: (faults: StepFaults) => HowOften;
  /** As a test would say it. */
  readonly code: string;
  /** It goes wrong at every attempt. */
  readonly isUnending?: true;
}

const again = (): StepError => new StepError({ code: INJECTED, message: 'made to fail once by the test' });
const timesOut = (when: 'before' | 'after'): Sort => ({
  of: ['action', 'undo'],
  plan: (faults) => faults.timesOut(when),
  code: `timesOut('${when}')`,
  isUnending: true,
});
const crashes = (when: 'before' | 'after'): Sort => ({
  of: ['action', 'undo'],
  plan: (faults) => faults.crashes(when),
  code: `crashes('${when}')`,
});
const once = (howOften: HowOften): HowOften => {
  howOften.times(1);
  return howOften;
};

const SORTS: Readonly<Record<FaultName, Sort>> = {
  fails: { of: ['action'], plan: (faults) => faults.fails(), code: 'fails()', isUnending: true },
  'fails once': {
    of: ['action', 'undo'],
    plan: (faults) => once(faults.fails(again())),
    code: `fails(new StepError({ message: 'once' })).times(1)`,
  },
  'times out before': timesOut('before'),
  'times out after': timesOut('after'),
  'crashes before': crashes('before'),
  'crashes after': crashes('after'),
  'runs twice': { of: ['action', 'undo'], plan: (faults) => faults.runsTwice(), code: 'runsTwice()' },
  'comes late': { of: ['action'], plan: (faults) => faults.comesLate(), code: 'comesLate()' },
};

export const FAULT_NAMES = Object.keys(SORTS) as readonly FaultName[];

/** One thing that goes wrong in a case: `charge crashes after`. */
export interface ExploredFault {
  readonly target: string;
  readonly fault: FaultName;
}

/** Everything that can go wrong with a handler, by its name in `kit.reached`. */
export function faultsOf(target: string, planned: PlannedSteps, among: readonly FaultName[]): readonly ExploredFault[] {
  const { direction, step } = read(target);
  const failsOnce = direction === 'undo' || (planned.isRetried(step) && !planned.isRetriable(step)); // a retriable step never fails otherwise
  const apply = among.filter((fault) => SORTS[fault].of.includes(direction) && (fault !== 'fails once' || failsOnce));
  return apply.map((fault) => ({ target, fault }));
}

export function isExplored(target: string): boolean {
  return !target.startsWith('verify ');
}

export function plan(kit: SagaTestKit, { target, fault }: ExploredFault): HowOften {
  const { direction, step } = read(target);
  return SORTS[fault].plan(direction === 'undo' ? kit.undo(step) : kit.step(step));
}

/**
 * An undo is tried until it succeeds, or the saga is stuck, and a retriable step until it completes. That what goes wrong with them for ever
 * does not end well is no fault of the saga, so it goes wrong once.
 */
export function isOnce({ target, fault }: ExploredFault, planned: PlannedSteps): boolean {
  const { direction, step } = read(target);
  return SORTS[fault].isUnending === true && (direction === 'undo' || planned.isRetriable(step));
}

export function codeOf(fault: ExploredFault, planned: PlannedSteps): string {
  const { direction, step } = read(fault.target);
  const times = isOnce(fault, planned) ? '.times(1)' : '';
  return `kit.${direction === 'undo' ? 'undo' : 'step'}('${step}').${SORTS[fault.fault].code}${times};`;
}

export function caseName(faults: readonly ExploredFault[]): string {
  return faults.length === 0 ? 'nothing goes wrong' : faults.map(({ target, fault }) => `${target} ${fault}`).join(' + ');
}

/** @throws SagaTestError when it is the name of no case */
export function readCase(name: string): readonly ExploredFault[] {
  if (name === caseName([])) return [];
  return name.split(' + ').map((part) => {
    const fault = FAULT_NAMES.filter((one) => part.endsWith(` ${one}`)).sort((a, b) => b.length - a.length)[0];
    if (fault === undefined)
      throw new SagaTestError(`explore: "only" must be the name of a case, like 'charge crashes after', not '${name}'`);
    return { target: part.slice(0, -fault.length - 1), fault };
  });
}

function read(target: string): { readonly direction: 'action' | 'undo'; readonly step: string } {
  return target.startsWith('undo ') ? { direction: 'undo', step: target.slice('undo '.length) } : { direction: 'action', step: target };
}
