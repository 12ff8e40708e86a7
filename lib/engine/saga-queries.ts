import { SagaActiveError, SagaAttentionError, SagaNotFoundError, SagaWaitInHandlerError, SagaWaitTimeoutError } from '../errors';
import { isSagaId } from '../core/names';
import { OWN_PREFIX } from '../core/own-actions';
import type { SagaState } from '../core/saga-value';
import type { SagaQuery, SagaStore } from '../ports/saga-store';
import type { StoredHistoryEntry, StoredSaga } from '../ports/stored-saga';
import type { Scheduler } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';
import { explain, type Explanation } from './explain';
import { offeredIn } from './handler-book';
import { insideHandler } from './handler-scope';
import { toError } from './to-error';
import { isEnd, type Waiters } from './waiters';
import { childrenOf, Saga } from './saga';

/** What can be asked about sagas without changing them, and their removal. */
export class SagaQueries {
  constructor(
    private readonly store: SagaStore,
    private readonly waiters: Waiters,
    private readonly graceMs: number,
    private readonly refuseWhenClosed: (verb: string) => void,
    private readonly scheduler: Pick<Scheduler, 'now'> = systemScheduler,
  ) {}

  async find(sagaId: string): Promise<Saga | null> {
    const stored = isSagaId(sagaId) ? await this.store.find(sagaId) : null;
    return stored === null ? null : this.seen(stored);
  }

  /** @throws SagaNotFoundError */
  async get(sagaId: string): Promise<Saga> {
    return this.seen(await this.stored(sagaId));
  }

  /** @throws SagaNotFoundError */
  async stored(sagaId: string): Promise<StoredSaga> {
    const stored = isSagaId(sagaId) ? await this.store.find(sagaId) : null;
    if (stored === null) throw new SagaNotFoundError(sagaId);
    return stored;
  }

  async list(query: SagaQuery): Promise<readonly Saga[]> {
    const found = await this.store.list(query);
    const children = found.flatMap(childrenOf);
    const states = children.length === 0 ? undefined : await this.store.states(children);
    return found.map((stored) => new Saga(stored, states));
  }

  /** As people see it. */
  async seen(stored: StoredSaga): Promise<Saga> {
    const children = childrenOf(stored);
    return children.length === 0 ? new Saga(stored) : new Saga(stored, await this.store.states(children));
  }

  async history(sagaId: string): Promise<readonly StoredHistoryEntry[]> {
    return isSagaId(sagaId) ? this.store.history(sagaId) : [];
  }

  /** @throws SagaNotFoundError */
  async explain(sagaId: string): Promise<Explanation> {
    const inspected = isSagaId(sagaId) ? await this.store.inspect(sagaId) : null;
    if (inspected === null) throw new SagaNotFoundError(sagaId);
    const orders = inspected.stored.saga.paused ? await this.store.history(sagaId) : [];
    const pausedBy = orders.findLast(({ kind }) => kind === 'pause') ?? null;
    const isOffered = offeredIn(await this.store.readHandlers());
    return explain(inspected, {
      graceMs: this.graceMs,
      isOffered: (kind, key) => key.startsWith(OWN_PREFIX) || isOffered(kind, key),
      pausedBy,
    });
  }

  /** @throws SagaNotFoundError, SagaWaitTimeoutError, SagaWaitInHandlerError */
  async waitFor(sagaId: string, timeoutMs: number): Promise<Saga> {
    if (insideHandler()) throw new SagaWaitInHandlerError(`saga ${sagaId}`);
    this.refuseWhenClosed('wait for a saga');
    if (!isSagaId(sagaId)) throw new SagaNotFoundError(sagaId);
    const until = this.scheduler.now() + timeoutMs;
    for (;;) {
      const told = await this.waiters.wait(sagaId, Math.max(0, until - this.scheduler.now()), timeoutMs).catch(toError);
      if (told instanceof Error && !(told instanceof SagaWaitTimeoutError)) throw told;
      // A notice is a rumour; and a time that is over ends with a look.
      const saga = await this.seen(told === undefined || told instanceof Error ? await this.stored(sagaId) : told);
      if (isEnd(saga.state)) return saga;
      if (told instanceof Error) throw told;
    }
  }

  /** @throws SagaNotFoundError, SagaActiveError, SagaAttentionError */
  async delete(sagaId: string): Promise<void> {
    const result = isSagaId(sagaId) ? await this.store.delete(sagaId) : 'missing';
    if (result === 'missing') throw new SagaNotFoundError(sagaId);
    if (result === 'attention') throw new SagaAttentionError(sagaId);
    if (result !== 'deleted') throw new SagaActiveError(sagaId, result.active satisfies SagaState, result.of ?? null);
  }
}
