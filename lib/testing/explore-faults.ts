import { StepError } from '../errors';
import { SagaTestError } from './saga-test.error';
import type { SagaTestKit } from './saga-test-kit';
import { INJECTED, type StepFaults } from './step-faults';

/** What `explore()` lets go wrong at every point. */
export type FaultName =
  'fails' | 'fails once' | 'times out before' | 'times out after' | 'crashes before' | 'crashes after' | 'runs twice' | 'comes late';

interface Sort {
  /** An undo is tried until it succeeds: what goes wrong with it for ever leads to `stuck`, and that is no fault of the saga. */
  readonly of: readonly ('action' | 'undo')[];
  readonly plan: (faults: StepFaults, once: boolean) => void;
  /** As a test would say it. */
  readonly code: (once: boolean) => string;
}

const times = (once: boolean): string => (once ? '.times(1)' : '');
const again = (): StepError => new StepError({ code: INJECTED, message: 'made to fail once by the test' });
const timesOut = (when: 'before' | 'after'): Sort => ({
  of: ['action', 'undo'],
  plan: (faults, once) => {
    const howOften = faults.timesOut(when);
    if (once) howOften.times(1);
  },
  code: (once) => `timesOut('${when}')${times(once)}`,
});
const crashes = (when: 'before' | 'after'): Sort => ({
  of: ['action', 'undo'],
  plan: (faults) => void faults.crashes(when),
  code: () => `crashes('${when}')`,
});

const SORTS: Readonly<Record<FaultName, Sort>> = {
  fails: { of: ['action'], plan: (faults) => void faults.fails(), code: () => 'fails()' },
  'fails once': {
    of: ['action', 'undo'],
    plan: (faults) => faults.fails(again()).times(1),
    code: () => `fails(new StepError({ message: 'once' })).times(1)`,
  },
  'times out before': timesOut('before'),
  'times out after': timesOut('after'),
  'crashes before': crashes('before'),
  'crashes after': crashes('after'),
  'runs twice': { of: ['action', 'undo'], plan: (faults) => void faults.runsTwice(), code: () => 'runsTwice()' },
  'comes late': { of: ['action'], plan: (faults) => void faults.comesLate(), code: () => 'comesLate()' },
};

export const FAULT_NAMES = Object.keys(SORTS) as readonly FaultName[];

/** One thing that goes wrong in a case: `charge crashes after`. */
export interface ExploredFault {
  readonly target: string;
  readonly fault: FaultName;
}

/** Everything that can go wrong with a handler, by its name in `kit.reached`. */
export function faultsOf(target: string, isRetried: boolean, among: readonly FaultName[]): readonly ExploredFault[] {
  const { direction } = read(target);
  const apply = among.filter(
    (fault) => SORTS[fault].of.includes(direction) && (fault !== 'fails once' || direction === 'undo' || isRetried),
  );
  return apply.map((fault) => ({ target, fault }));
}

export function isExplored(target: string): boolean {
  return !target.startsWith('verify ');
}

export function plan(kit: SagaTestKit, { target, fault }: ExploredFault): void {
  const { direction, step } = read(target);
  SORTS[fault].plan(direction === 'undo' ? kit.undo(step) : kit.step(step), direction === 'undo');
}

export function codeOf({ target, fault }: ExploredFault): string {
  const { direction, step } = read(target);
  return `kit.${direction === 'undo' ? 'undo' : 'step'}('${step}').${SORTS[fault].code(direction === 'undo')};`;
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
