import { SagaInputError } from '../errors';
import { quoted } from '../core/names';
import { OWN_PREFIX } from '../core/own-actions';
import { didYouMean } from '../core/suggestion';
import type { PausedAction } from '../ports/paused-action';
import type { SagaStore } from '../ports/saga-store';
import type { HandlerBook } from './handler-book';
import { orderedBy, type OrderOptions } from './ordered-by';

/** Actions that are claimed nowhere, because a person says so. */
export class ActionPauses {
  constructor(
    private readonly store: SagaStore,
    private readonly book: HandlerBook,
    /** Asks the sweeper to look at once. */
    private readonly lookNow: () => void,
  ) {}

  /** @throws SagaInputError */
  async pause(action: string, options: OrderOptions): Promise<void> {
    const by = orderedBy(options);
    await this.refuseStranger(action, []);
    await this.store.pauseAction(action, by);
  }

  /** @throws SagaInputError */
  async resume(action: string, options: OrderOptions): Promise<void> {
    const by = orderedBy(options);
    await this.refuseStranger(action, await this.list());
    await this.store.resumeAction(action, by);
    this.lookNow();
  }

  async list(): Promise<readonly PausedAction[]> {
    return this.store.pausedActions();
  }

  /** To pause what nobody has, or to resume it, is a slip of the pen, and what was meant goes on as before. */
  private async refuseStranger(action: unknown, paused: readonly PausedAction[]): Promise<void> {
    if (paused.some((pause) => pause.action === action)) return;
    if (typeof action === 'string' && action.startsWith(OWN_PREFIX)) {
      const remedy = 'pause the actions of the saga that a step runs, or hold one saga with pause(id)';
      throw new SagaInputError('action', '', `${quoted(action)} is one of the engine's own, of every saga at once; ${remedy}`);
    }
    const catalog = await this.book.catalogWith(typeof action === 'string' ? [action] : [], []);
    if (typeof action === 'string' && catalog.find('action', action) !== undefined) return;
    if (typeof action === 'string' && catalog.find('undo', action) !== undefined)
      throw new SagaInputError(
        'action',
        '',
        `${quoted(action)} is a compensation, and only actions can be paused: a rollback must not wait`,
      );
    const guess = typeof action === 'string' ? didYouMean(action.slice(0, 128), catalog.keys('action')) : '';
    throw new SagaInputError(
      'action',
      '',
      typeof action === 'string' ? `no process has ever had @SagaStep(${quoted(action)})${guess}` : 'must be the key of an action',
    );
  }
}
