import type { ShutdownNotice } from '../../ports/shutdown-notice';

/** What asks a process to end: supervisors send the one, Ctrl-C the other. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** On every listener of ours, so that several of them, even of two copies of this package, do not take one another for the application's. */
const OURS = Symbol.for('nest-saga:shutdown-listener');

type Listener = ((signal: NodeJS.Signals) => void) & { readonly [OURS]?: true };

/** Where signals come from and go to: this process. */
export type SignalSource = Pick<NodeJS.Process, 'pid' | 'on' | 'removeListener' | 'listeners' | 'kill'>;

/**
 * Hears the signal itself. Nest's shutdown hooks come later, and those of the application may run before ours and close what
 * handlers still use.
 *
 * What the signal does to the process stays as it would be without this listener: Node ends a process by itself only while nobody
 * listens, so when nobody else does, this one steps aside and sends the signal again.
 */
export class ShutdownListener implements ShutdownNotice {
  private listener: Listener | undefined;

  constructor(private readonly source: SignalSource = process) {}

  listen(onShutdown: () => void): void {
    if (this.listener !== undefined) return;
    let isTold = false;
    const hear = (signal: NodeJS.Signals): void => {
      if (!isTold) onShutdown();
      isTold = true;
      this.stepAside(signal);
    };
    const listener: Listener = Object.assign(hear, { [OURS]: true as const });
    for (const signal of SIGNALS) this.source.on(signal, listener);
    this.listener = listener;
  }

  close(): void {
    const { listener } = this;
    this.listener = undefined;
    if (listener !== undefined) for (const signal of SIGNALS) this.source.removeListener(signal, listener);
  }

  private stepAside(signal: NodeJS.Signals): void {
    const listeners = this.source.listeners(signal) as Listener[];
    if (listeners.length === 0 || listeners.some((listener) => listener[OURS] !== true)) return;
    for (const listener of listeners) this.source.removeListener(signal, listener);
    this.source.kill(this.source.pid, signal);
  }
}
