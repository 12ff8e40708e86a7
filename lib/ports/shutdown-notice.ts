/** Says as early as possible that this process was asked to end: before anything in it is taken down. */
export interface ShutdownNotice {
  /** @param onShutdown called at most once; must not throw */
  listen(onShutdown: () => void): void;
  /** Safe to call at any time, and more than once. */
  close(): void;
}
