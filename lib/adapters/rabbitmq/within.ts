/**
 * Gives a promise of the broker's client a deadline. Its remote calls have none: behind a firewall that drops packets they stay
 * pending until the heartbeat fails, and some for ever.
 */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // Its connection keeps the process alive, not the wait for it.
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms).unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined);
  }
}
