/** Holds handlers back until it is opened. */
export class Gate {
  private isReached: () => void = () => undefined;
  private isOpened: () => void = () => undefined;
  /** A handler has come so far. */
  readonly reached = new Promise<void>((resolve) => (this.isReached = resolve));
  private readonly opened = new Promise<void>((resolve) => (this.isOpened = resolve));

  open(): void {
    this.isOpened();
  }

  async pass(): Promise<void> {
    this.isReached();
    await this.opened;
  }
}
