import type { AddSignalResult, SagaMessage } from '../../ports/saga-signal';
import { isTerminal } from '../../core/saga-value';
import type { SagaRecord } from './saga-record';

/** The signals of the sagas of one store, in the order in which they came. */
export class InMemorySignals {
  private readonly ofSaga = new Map<string, SagaMessage[]>();

  add(signal: SagaMessage, record: SagaRecord | undefined): AddSignalResult {
    if (record === undefined) return { kind: 'missing' };
    const signals = this.ofSaga.get(signal.sagaId) ?? [];
    if (signals.some(({ signalId }) => signalId === signal.signalId)) return { kind: 'known' };
    if (isTerminal(record.saga.state)) return { kind: 'ended', state: record.saga.state };
    this.ofSaga.set(signal.sagaId, [...signals, structuredClone(signal)]);
    return { kind: 'added', committed: null };
  }

  next(name: string, record: SagaRecord | undefined): SagaMessage | null {
    if (record === undefined) return null;
    const waits = [...record.saga.operations.values()].map(({ wait }) => wait);
    const taken = new Set(waits.flatMap((wait) => (wait?.kind === 'signal' && wait.taken !== undefined ? [wait.taken] : [])));
    const signals = this.ofSaga.get(record.saga.id) ?? [];
    return structuredClone(signals.find((signal) => signal.name === name && !taken.has(signal.signalId)) ?? null);
  }

  forget(sagaId: string): void {
    this.ofSaga.delete(sagaId);
  }
}
