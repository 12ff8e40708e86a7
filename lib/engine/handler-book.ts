import { SagaConfigurationError } from '../errors';
import { catalogOf, type HandlerCatalog, type HandlerDeclaration, type HandlerKind } from '../core/handler-declaration';
import { OWN_ACTIONS } from '../core/own-actions';
import type { MissingHandlers } from './missing-handlers';
import type { SagaStore, StoredHandler } from '../ports/saga-store';
import type { Scheduler, Timer } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';

/** A process says this often that it is there. */
const CONFIRM_EVERY_MS = 30_000;
/** Rows of a group that nobody has confirmed for this long are the past, not a neighbour. */
const NEIGHBOUR_MS = 90_000;

/** What nobody has offered for this long will probably not come back by itself. */
const LONG_UNSEEN_MS = 7 * 24 * 3_600_000;

const DECORATORS: Readonly<Record<HandlerKind, string>> = {
  action: '@SagaStep',
  undo: '@Compensate',
  verify: '@Verify',
  condition: '@SagaCondition',
};

type Named = Pick<HandlerDeclaration, 'direction' | 'key'>;

/** Which handlers exist anywhere: this process's own, and those that others have written into the store. */
export class HandlerBook {
  private catalog: HandlerCatalog;
  private timer: Timer | undefined;
  private stored: readonly StoredHandler[] = [];
  private readAt = 0;
  private readonly warned = new Set<string>();

  constructor(
    private readonly store: SagaStore,
    private readonly own: readonly HandlerDeclaration[],
    private readonly group: string,
    /** A process without workers has nothing to offer. */
    private readonly works: boolean,
    private readonly warn: (message: string) => void = () => undefined,
    private readonly missing?: Pick<MissingHandlers, 'check'>,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.catalog = catalogOf([...own, ...OWN_ACTIONS]);
  }

  /** @throws SagaConfigurationError when another service with other handlers uses the same group */
  async open(): Promise<void> {
    const stored = await this.store.readHandlers();
    if (this.works && this.own.length > 0) {
      this.refuseStrangers(stored);
      await this.missing?.check({ group: this.group, own: this.own, stored, isThere });
      await this.store.writeHandlers(this.group, this.own);
      void this.store.rouse(this.missedIn(stored)).catch(() => undefined); // then it only takes longer; and a boot need not wait for it
      this.timer = this.scheduler.every(CONFIRM_EVERY_MS, () => void this.confirm(), { keepsAlive: false, isRoutine: true });
    }
    this.learn(stored);
  }

  /** Handlers that nobody had until now. What waited for them was asked after ever more rarely. */
  private missedIn(stored: readonly StoredHandler[]): readonly string[] {
    const isOffered = offeredIn(stored);
    return this.own.filter(({ direction, key }) => direction !== 'verify' && !isOffered(direction, key)).map(({ key }) => key);
  }

  /** Makes way for the next version at once; without this it would be taken for another service for a while. */
  async close(): Promise<void> {
    if (this.timer === undefined) return;
    this.timer.cancel();
    await this.store.leaveHandlers(this.group).catch(() => undefined); // then it only takes longer
  }

  /** The catalog, read again from the store when it does not hold what is asked for. */
  async catalogWith(actions: readonly string[], undos: readonly string[], conditions: readonly string[] = []): Promise<HandlerCatalog> {
    const knows = (): boolean =>
      actions.every((key) => this.catalog.find('action', key)) &&
      undos.every((key) => this.catalog.find('undo', key)) &&
      conditions.every((key) => this.catalog.find('condition', key));
    if (!knows()) this.learn(await this.store.readHandlers());
    const unseen = [...this.unseen('action', actions), ...this.unseen('undo', undos), ...this.unseen('condition', conditions)];
    if (unseen.length > 0) await this.warnOf(unseen);
    return this.catalog;
  }

  private unseen(direction: HandlerKind, keys: readonly string[]): readonly Named[] {
    return keys.map((key) => ({ direction, key })).filter((one) => this.isUnseen(one));
  }

  private isUnseen(one: Named): boolean {
    return this.unseenMs(one) >= LONG_UNSEEN_MS && !this.warned.has(nameOf(one));
  }

  /** A step may name a handler that nobody has had for long; it waits until somebody comes who has it. */
  private async warnOf(unseen: readonly Named[]): Promise<void> {
    this.learn(await this.store.readHandlers()); // it may have come back since
    for (const one of unseen.filter((other) => this.isUnseen(other))) {
      this.warned.add(nameOf(one));
      this.warn(`a saga names ${nameOf(one)}, which no process has had for 7 days; it waits there until one comes that has it`);
    }
  }

  private unseenMs({ direction, key }: Named): number {
    if (this.own.some((declaration) => declaration.direction === direction && declaration.key === key)) return 0;
    const rows = this.stored.filter(({ declaration }) => declaration.direction === direction && declaration.key === key);
    return rows.length === 0 ? 0 : Math.min(...rows.map((row) => row.unseenMs)) + this.scheduler.now() - this.readAt;
  }

  private learn(stored: readonly StoredHandler[]): void {
    this.stored = stored;
    this.readAt = this.scheduler.now();
    this.catalog = catalogOf([...stored.map((handler) => handler.declaration), ...this.own, ...OWN_ACTIONS]);
  }

  private async confirm(): Promise<void> {
    await this.store.writeHandlers(this.group, this.own).catch(() => undefined); // the next time is soon enough
  }

  /**
   * Processes of one group take each other's wake-ups from one queue. Versions of one service may differ, as long as one has all that
   * the other has; two services would starve each other.
   */
  private refuseStrangers(stored: readonly StoredHandler[]): void {
    const mine = new Set(this.own.map(nameOf));
    const theirs = new Set(stored.filter((row) => row.group === this.group && isThere(row)).map((row) => nameOf(row.declaration)));
    const onlyMine = [...mine].filter((key) => !theirs.has(key));
    const onlyTheirs = [...theirs].filter((key) => !mine.has(key));
    if (theirs.size === 0 || onlyMine.length === 0 || onlyTheirs.length === 0) return;
    const has = `it has ${onlyTheirs.join(', ')}, which this one has not, and this one has ${onlyMine.join(', ')}`;
    const remedy = `Give each service a group of its own: SagaModule.forRoot({ group: 'payments' })`;
    const earlier = `If it is an earlier version of this one, stop it first, or deploy the added and the removed handlers one after the other`;
    throw new SagaConfigurationError([`another process uses the same group "${this.group}": ${has}. ${remedy}. ${earlier}`]);
  }
}

function nameOf({ direction, key }: Named): string {
  return `${DECORATORS[direction]}('${key}')`;
}

/** A process has said lately that it has it. */
function isThere({ left, unseenMs }: StoredHandler): boolean {
  return !left && unseenMs < NEIGHBOUR_MS;
}

/** Whether a process that is there has a handler. */
export function offeredIn(stored: readonly StoredHandler[]): (kind: HandlerKind, key: string) => boolean {
  const there = stored.filter(isThere).map(({ declaration }) => declaration);
  return (kind, key) => there.some((declaration) => declaration.direction === kind && declaration.key === key);
}
