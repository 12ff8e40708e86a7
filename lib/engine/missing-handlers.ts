import { SagaConfigurationError } from '../errors';
import type { HandlerDeclaration } from '../core/handler-declaration';
import { OWN_ACTIONS, OWN_PREFIX } from '../core/own-actions';
import type { SagaObserver } from '../ports/saga-observer';
import type { HandlerName, MissingHandler, SagaStore, StoredHandler } from '../ports/saga-store';
import { toError } from './to-error';

const DECORATORS: Readonly<Record<HandlerName['kind'], string>> = {
  action: '@SagaStep',
  undo: '@Compensate',
  verify: '@Verify',
  condition: '@SagaCondition',
};

const MOST_NAMED = 20;

export interface Offer {
  readonly group: string;
  readonly own: readonly HandlerDeclaration[];
  /** What is in the store, and which of it a process that is there has. */
  readonly stored: readonly StoredHandler[];
  readonly isThere: (handler: StoredHandler) => boolean;
}

/** Notices at boot, not in the middle of an undo, that a deployment took away what sagas still need. */
export class MissingHandlers {
  constructor(
    private readonly store: Pick<SagaStore, 'missingHandlers'>,
    private readonly observer: SagaObserver,
    private readonly mode: 'warn' | 'refuse' | 'off',
  ) {}

  /** @throws SagaConfigurationError when the boot is to be refused */
  async check(offer: Offer): Promise<void> {
    if (this.mode === 'off') return;
    if (this.mode === 'refuse') {
      this.refuse(await this.find(offer), offer);
      return;
    }
    // A warning need not be waited for; and a look that fails must not stop a boot that it could not have stopped.
    void this.find(offer).then(
      (missing) => this.warn(missing),
      (error: unknown) => this.observer.notify({ type: 'engine.trouble', where: 'look for missing handlers', error: toError(error) }),
    );
  }

  private async find({ own, stored, isThere }: Offer): Promise<readonly MissingHandler[]> {
    const declared = [...own, ...OWN_ACTIONS, ...stored.filter(isThere).map(({ declaration }) => declaration)];
    const missing = await this.store.missingHandlers(declared.map(({ direction, key }) => ({ kind: direction, key })));
    return missing.filter(({ key }) => !key.startsWith(OWN_PREFIX));
  }

  private warn(missing: readonly MissingHandler[]): void {
    if (missing.length > 0) this.observer.notify({ type: 'handlers.missing', handlers: missing });
  }

  /** What belongs to another service is its own affair: two that wait for one another would never boot. */
  private refuse(missing: readonly MissingHandler[], { group, stored }: Offer): void {
    const isOthers = ({ kind, key }: HandlerName): boolean => {
      const rows = stored.filter(({ declaration }) => (declaration.direction as string) === kind && declaration.key === key);
      return rows.length > 0 && rows.every((row) => row.group !== group);
    };
    const mine = missing.filter((one) => !isOthers(one));
    if (mine.length === 0) return this.warn(missing);
    const more = mine.length > MOST_NAMED ? [`and ${mine.length - MOST_NAMED} more`] : [];
    throw new SagaConfigurationError([
      ...mine.slice(0, MOST_NAMED).map((one) => `${describeMissing(one)}: deploy it until they have ended, or set missingHandlers: 'warn'`),
      ...more,
    ]);
  }
}

export function describeMissing({ kind, key, sagas }: MissingHandler): string {
  const who = sagas === 1 ? 'one saga that has not ended' : `${sagas} sagas that have not ended`;
  return `${who} may need ${DECORATORS[kind]}('${key}'), which no process has`;
}
