import type { DataSource, EntitySubscriberInterface, QueryRunner, TransactionCommitEvent, TransactionRollbackEvent } from 'typeorm';

/**
 * Notices the commit of other people's transactions: one subscriber in each DataSource that a manager came from. The runner is
 * the key, weakly, so that a transaction that never ends leaves nothing behind.
 */
class CommitSubscriber implements EntitySubscriberInterface {
  private readonly waiting = new WeakMap<QueryRunner, (() => void)[]>();

  wait(queryRunner: QueryRunner): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.set(queryRunner, [...(this.waiting.get(queryRunner) ?? []), resolve]);
    });
  }

  afterTransactionCommit({ queryRunner }: TransactionCommitEvent): void {
    // Still active: only a savepoint was released.
    if (queryRunner.isTransactionActive) return;
    const resolves = this.waiting.get(queryRunner) ?? [];
    this.waiting.delete(queryRunner);
    for (const resolve of resolves) resolve();
  }

  afterTransactionRollback({ queryRunner }: TransactionRollbackEvent): void {
    // After the rollback of a savepoint alone the promise may resolve for a saga that does not exist: its wake-up finds nothing.
    if (!queryRunner.isTransactionActive) this.waiting.delete(queryRunner);
  }
}

/** Resolves when the outermost transaction of a runner has committed. */
export class CommitWatch {
  private readonly subscribers = new WeakMap<DataSource, CommitSubscriber>();

  afterCommit(dataSource: DataSource, queryRunner: QueryRunner): Promise<void> {
    const subscriber = this.subscribers.get(dataSource) ?? new CommitSubscriber();
    this.subscribers.set(dataSource, subscriber);
    // A new array: whoever walks over the old one at this moment is not disturbed.
    if (!dataSource.subscribers.includes(subscriber)) Object.assign(dataSource, { subscribers: [...dataSource.subscribers, subscriber] });
    return subscriber.wait(queryRunner);
  }
}
