import type { OrderedBy, PausedAction } from '../../ports/paused-action';

/** Actions that nobody may begin at the moment. */
export class InMemoryPauses {
  private readonly paused = new Map<string, PausedAction>();

  constructor(private readonly now: () => number) {}

  has(action: string | undefined): boolean {
    return action !== undefined && this.paused.has(action);
  }

  pause(action: string, { reason, actor }: OrderedBy): void {
    if (!this.has(action)) this.paused.set(action, { action, reason, actor, at: new Date(this.now()) });
  }

  resume(action: string): void {
    this.paused.delete(action);
  }

  all(): readonly PausedAction[] {
    return structuredClone([...this.paused.values()]);
  }
}
