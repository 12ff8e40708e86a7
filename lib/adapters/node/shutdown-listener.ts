import type { ShutdownNotice } from '../../ports/shutdown-notice';

/** What asks a process to end: supervisors send the one, Ctrl-C the other. */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

type Listener = (signal: NodeJS.Signals) => void;

/** Where signals come from and go to: this process. */
export type SignalSource = Pick<NodeJS.Process, 'pid' | 'prependListener' | 'removeListener' | 'listenerCount' | 'kill'>;

/**
 * Hears the signal itself. Nest's shutdown hooks come later, and those of the application may run before ours and close what
 * handlers still use.
 *
 * What the signal does to the process stays as it would be without this listener. So it is the first to hear a signal, before those
 * that listen only once have gone, and then it is gone: some end the process only while nobody but them listens. Node does so while
 * nobody listens at all, so then the signal is sent again.
 */
export class ShutdownListener implements ShutdownNotice {
  private listener: Listener | undefined;

  constructor(private readonly source: SignalSource = process) {}

  listen(onShutdown: () => void): void {
    if (this.listener !== undefined) return;
    let isTold = false;
    const listener = (signal: NodeJS.Signals): void => {
      if (!isTold) onShutdown();
      isTold = true;
      this.source.removeListener(signal, listener);
      if (this.source.listenerCount(signal) === 0) this.source.kill(this.source.pid, signal);
    };
    for (const signal of SIGNALS) this.source.prependListener(signal, listener);
    this.listener = listener;
  }

  close(): void {
    const { listener } = this;
    this.listener = undefined;
    if (listener !== undefined) for (const signal of SIGNALS) this.source.removeListener(signal, listener);
  }
}
