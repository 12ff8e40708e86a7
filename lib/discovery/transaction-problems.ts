import type { SagaStore } from '../ports/saga-store';
import type { Discovered } from './saga.explorer';

/** Handlers that ask for a transaction which this store cannot give. */
export function transactionProblems({ handlers }: Pick<Discovered, 'handlers'>, store: SagaStore): readonly string[] {
  if (store.transact !== undefined) return [];
  return handlers
    .filter(({ declaration }) => declaration.policy.transactional === true)
    .map(({ where }) => {
      return `${where} is transactional, and sagas in ${store.description} share no transaction with it: use store: typeOrmStore(), or leave "transactional" out`;
    });
}
