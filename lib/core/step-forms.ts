import { isValidName, NAME_RULE, quoted } from './names';
import { AWAIT_SIGNAL, OWN_PREFIX, SLEEP } from './own-actions';
import type { PlainStep, SignalStep, SleepStep, StepSpec } from './step-spec';
import { childForm, mapForm, type FormedStep } from './child-form';

/** A way to write a step whose action is one of the engine's own. */
interface StepForm {
  /** The field that makes a step one of this form. */
  readonly mark: string;
  /** All that such a step may have. */
  readonly fields: readonly string[];
  readonly plain: (spec: never, refuse: (problem: string) => void, saga: string) => FormedStep;
}

const ANY_STEP = ['name', 'dependsOn', 'when'];

const FORMS: readonly StepForm[] = [
  { mark: 'sleepMs', fields: [...ANY_STEP, 'sleepMs'], plain: sleep },
  { mark: 'signal', fields: [...ANY_STEP, 'kind', 'signal', 'timeoutMs'], plain: awaitSignal },
  { mark: 'saga', fields: [...ANY_STEP, 'kind', 'saga', 'context'], plain: childForm },
  { mark: 'map', fields: [...ANY_STEP, 'kind', 'map'], plain: mapForm },
];

export function formOf(spec: object): StepForm | null {
  return FORMS.find(({ mark }) => Object.hasOwn(spec, mark)) ?? null;
}

/** Turns what a step says in words of its own into the action that the engine runs for it; what is wrong is named. */
export function plainStep(spec: StepSpec, refuse: (problem: string) => void, saga: string): FormedStep {
  const form = formOf(spec);
  if (form !== null) return form.plain(spec as never, refuse, saga);
  const plain = spec as PlainStep;
  if (plain.action.startsWith(OWN_PREFIX)) refuse(`the keys that begin with "${OWN_PREFIX}" are the engine's own`);
  return plain;
}

function sleep({ sleepMs, ...rest }: SleepStep, refuse: (problem: string) => void): PlainStep {
  if (!(Number.isFinite(sleepMs) && sleepMs > 0)) refuse('sleepMs must be a number of milliseconds above 0');
  return { ...rest, action: SLEEP, compensation: null, input: { ms: sleepMs } };
}

/** It has one attempt, whatever the module's default is: each would wait for the whole time. */
function awaitSignal({ signal, timeoutMs, ...rest }: SignalStep, refuse: (problem: string) => void): PlainStep {
  if (!isValidName(signal)) refuse(`signal ${quoted(signal)} is not ${NAME_RULE}`);
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0))
    refuse('timeoutMs must be a number of milliseconds above 0');
  const input = { name: signal, timeoutMs: timeoutMs ?? null };
  return { ...rest, action: AWAIT_SIGNAL, compensation: null, retry: { attempts: 1 }, input };
}
