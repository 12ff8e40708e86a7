import type { Decide, TransactRequest, TransactResult } from '../ports/report';
import type { SagaStore } from '../ports/saga-store';

/** Runs `work` in a transaction of the application's own, given its manager: commits when `work` resolves, rolls back when it rejects. */
export type RunInTransaction = <T>(work: (manager: unknown) => Promise<T>) => Promise<T>;

/** Rolls back what a handler did whose outcome did not count. */
class NotApplied extends Error {
  constructor(readonly result: TransactResult) {
    super('rolled back');
  }
}

/** A store in memory, with the transactions of somebody else. Between the two commits nothing can fail here that a test makes fail. */
export function withTransactions(store: SagaStore, runInTransaction: RunInTransaction): SagaStore {
  const transact = async (request: TransactRequest, decide: Decide): Promise<TransactResult> => {
    const abandoned = new Promise<TransactResult>((resolve) =>
      request.abandon.addEventListener('abort', () => resolve({ kind: 'abandoned' }), { once: true }),
    );
    return Promise.race([attempt(request, decide), abandoned]);
  };
  const attempt = async (request: TransactRequest, decide: Decide): Promise<TransactResult> => {
    try {
      return await runInTransaction(async (manager) => {
        const event = await request.work(manager);
        if (request.abandon.aborted) throw new NotApplied({ kind: 'abandoned' });
        const { sagaId, basis, resendMs } = request;
        const [result] = await store.apply([{ sagaId, event, basis, resendMs }], decide);
        if (result?.kind === 'applied') return result;
        throw new NotApplied(result === undefined || result.kind === 'failed' ? { kind: 'lost', error: new Error('not applied') } : result);
      });
    } catch (error) {
      return error instanceof NotApplied ? error.result : { kind: 'threw', thrown: error };
    }
  };
  return new Proxy(store, {
    get: (target, key) => {
      if (key === 'transact') return transact;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
