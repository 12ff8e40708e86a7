import type { DataSource } from 'typeorm';
import { isTerminal } from '../../core/saga-value';
import type { AddSignalResult, SagaMessage, StoredSecret } from '../../ports/saga-signal';
import { joinTransaction } from './callers-transaction';
import type { CommitWatch } from './commit.subscriber';
import type { EnginePool } from './engine.pool';
import { retrying } from './retrying';
import {
  addSignalStatement,
  nextSignalStatement,
  secretsStatement,
  toSecret,
  type AddedSignalRow,
  type SecretRow,
  type SignalRow,
} from './signal.statement';

/** What sagas are told from outside, and what outside tells them by. */
export class Signals {
  constructor(
    private readonly pool: EnginePool,
    private readonly schema: string,
    private readonly application: DataSource,
    private readonly commits: CommitWatch,
  ) {}

  async add(signal: SagaMessage, manager: unknown): Promise<AddSignalResult> {
    const statement = addSignalStatement(this.schema, signal);
    if (manager === undefined) {
      const [row] = await retrying(() => this.pool.query<AddedSignalRow>(statement));
      return added(row, null);
    }
    const joined = joinTransaction(manager, this.application, this.commits);
    const [row] = await joined.sql.query<AddedSignalRow>(statement);
    return added(row, row?.is_new === true ? joined.committed() : null);
  }

  async next(sagaId: string, name: string): Promise<SagaMessage | null> {
    const [row] = await retrying(() => this.pool.query<SignalRow>(nextSignalStatement(this.schema, sagaId, name)));
    return row === undefined ? null : { sagaId, signalId: row.signal_id, name, payload: row.payload };
  }

  async secrets(): Promise<readonly StoredSecret[]> {
    return (await retrying(() => this.pool.query<SecretRow>(secretsStatement(this.schema)))).map(toSecret);
  }
}

function added(row: AddedSignalRow | undefined, committed: Promise<void> | null): AddSignalResult {
  if (row === undefined) return { kind: 'missing' };
  if (row.is_new) return { kind: 'added', committed };
  // What somebody else has just committed is not in the statement's snapshot, but it has met the key.
  return isTerminal(row.state) && !row.is_known ? { kind: 'ended', state: row.state } : { kind: 'known' };
}
