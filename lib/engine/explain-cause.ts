import type { StepFailed, TurnCause } from '../core/saga-value';
import type { OrderedBy } from '../ports/paused-action';

/** Why a saga turned back, as a sentence. */
export function causeOf(cause: TurnCause | null): string {
  switch (cause?.kind) {
    case undefined:
      return 'It turned back.';
    case 'step-failed':
      return `It turned back because ${stepFailed(cause)}.`;
    case 'deadline':
      return 'It turned back because its deadline passed.';
    case 'asked':
      return `It turned back because ${cause.actor ?? 'somebody'} asked for it${reasonOf(cause)}.`;
    case 'terminated':
      return `${cause.actor ?? 'Somebody'} ended it as it was, with nothing more undone${reasonOf(cause)}.`;
  }
}

function stepFailed({ step, error, outcome, reportedBy }: StepFailed): string {
  const how = `(${error.code}: ${error.message})`;
  if (reportedBy !== undefined) return `${reportedBy.actor ?? 'somebody'} said that step "${step}" failed ${how}${reasonOf(reportedBy)}`;
  return outcome === 'unknown' ? `nobody knows whether step "${step}" took effect ${how}` : `step "${step}" failed ${how}`;
}

export function reasonOf(by: OrderedBy | null): string {
  return by?.reason == null ? '' : `: ${by.reason.trim().replace(/[.]+$/, '')}`;
}
