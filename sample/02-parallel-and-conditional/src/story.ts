import type { Saga, StoredHistoryEntry } from 'nest-saga';

/** What became of an order, a line for each of its steps. */
export function storyOf(title: string, saga: Saga, history: readonly StoredHistoryEntry[]): string {
  const steps = saga.steps.map(({ name, status, output, error }) => {
    const skipped = history.find(({ kind, step }) => kind === 'skipped' && step === name);
    const what = skipped?.reason ?? (error === null ? (output === null ? '' : JSON.stringify(output)) : `${error.code}: ${error.message}`);
    return `  ${name.padEnd(8)} ${status.padEnd(12)} ${what}`.trimEnd();
  });
  return [`${title} is ${saga.state}`, ...steps, `  context  ${JSON.stringify(saga.context)}`, ''].join('\n');
}
