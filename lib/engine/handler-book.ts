import { SagaConfigurationError } from '../errors';
import { catalogOf, type HandlerCatalog, type HandlerDeclaration, type HandlerKind } from '../core/handler-declaration';
import type { SagaStore, StoredHandler } from '../ports/saga-store';

/** A process says this often that it is there. */
const CONFIRM_EVERY_MS = 30_000;
/** Rows of a group that nobody has confirmed for this long are the past, not a neighbour. */
const NEIGHBOUR_MS = 90_000;

const DECORATORS: Readonly<Record<HandlerKind, string>> = { action: '@SagaStep', undo: '@Compensate', verify: '@Verify' };

/** Which handlers exist anywhere: this process's own, and those that others have written into the store. */
export class HandlerBook {
  private catalog: HandlerCatalog;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: SagaStore,
    private readonly own: readonly HandlerDeclaration[],
    private readonly group: string,
    /** A process without workers has nothing to offer. */
    private readonly works: boolean,
  ) {
    this.catalog = catalogOf(own);
  }

  /** @throws SagaConfigurationError when another service with other handlers uses the same group */
  async open(): Promise<void> {
    const stored = await this.store.readHandlers();
    if (this.works && this.own.length > 0) {
      this.refuseStrangers(stored);
      await this.store.writeHandlers(this.group, this.own);
      void this.store.rouse(this.missedIn(stored)).catch(() => undefined); // then it only takes longer; and a boot need not wait for it
      this.timer = setInterval(() => void this.confirm(), CONFIRM_EVERY_MS).unref();
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
    clearInterval(this.timer);
    await this.store.leaveHandlers(this.group).catch(() => undefined); // then it only takes longer
  }

  /** The catalog, read again from the store when it does not hold what is asked for. */
  async catalogWith(actions: readonly string[], undos: readonly string[]): Promise<HandlerCatalog> {
    const knows = (): boolean =>
      actions.every((key) => this.catalog.find('action', key)) && undos.every((key) => this.catalog.find('undo', key));
    if (!knows()) this.learn(await this.store.readHandlers());
    return this.catalog;
  }

  private learn(stored: readonly StoredHandler[]): void {
    this.catalog = catalogOf([...stored.map((handler) => handler.declaration), ...this.own]);
  }

  private async confirm(): Promise<void> {
    await this.store.writeHandlers(this.group, this.own).catch(() => undefined); // the next time is soon enough
  }

  /**
   * Processes of one group take each other's wake-ups from one queue. Versions of one service may differ, as long as one has all that
   * the other has; two services would starve each other.
   */
  private refuseStrangers(stored: readonly StoredHandler[]): void {
    const name = ({ direction, key }: HandlerDeclaration): string => `${DECORATORS[direction]}('${key}')`;
    const mine = new Set(this.own.map(name));
    const theirs = new Set(stored.filter((row) => row.group === this.group && isThere(row)).map((row) => name(row.declaration)));
    const onlyMine = [...mine].filter((key) => !theirs.has(key));
    const onlyTheirs = [...theirs].filter((key) => !mine.has(key));
    if (theirs.size === 0 || onlyMine.length === 0 || onlyTheirs.length === 0) return;
    const has = `it has ${onlyTheirs.join(', ')}, which this one has not, and this one has ${onlyMine.join(', ')}`;
    const remedy = `Give each service a group of its own: SagaModule.forRoot({ group: 'payments' })`;
    const earlier = `If it is an earlier version of this one, stop it first, or deploy the added and the removed handlers one after the other`;
    throw new SagaConfigurationError([`another process uses the same group "${this.group}": ${has}. ${remedy}. ${earlier}`]);
  }
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
