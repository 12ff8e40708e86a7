export interface StreamRoom<T> {
  /** So many values wait for a slow reader; then the oldest is dropped. */
  readonly capacity: number;
  /** What a reader is told in place of those that were dropped. Default: nothing. */
  readonly dropped?: (count: number) => T;
  /** Ends the stream, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Values that come when they come, for one reader. Whoever pushes never waits; the reader's `return`, or its signal, ends it. */
export class PushStream<T> implements AsyncIterableIterator<T> {
  private values: T[] = [];
  /** Place of the oldest one that waits: `shift` of a long array copies all of it. */
  private head = 0;
  private lost = 0;
  private readonly readers: {
    readonly resolve: (result: IteratorResult<T, undefined>) => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  private failure: Error | undefined;
  private ended = false;
  private onEnd: (() => void) | undefined;
  private readonly abort = (): void => this.close();

  constructor(private readonly room: StreamRoom<T>) {
    const { signal } = room;
    if (signal?.aborted === true) this.ended = true;
    else signal?.addEventListener('abort', this.abort, { once: true });
  }

  get isOver(): boolean {
    return this.ended;
  }

  /** Called once, when nobody reads any longer or there is no more; at once if that is so. */
  whenOver(onEnd: () => void): void {
    if (this.ended) onEnd();
    else this.onEnd = onEnd;
  }

  push(value: T): void {
    if (this.ended) return;
    const reader = this.readers.shift();
    if (reader !== undefined) return reader.resolve({ done: false, value });
    this.values.push(value);
    if (this.waiting <= this.room.capacity) return;
    this.take();
    this.lost++;
  }

  /** There is no more; what waits is still read. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.room.signal?.removeEventListener('abort', this.abort);
    this.onEnd?.();
    for (const reader of this.readers.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  /** The reader is told, after what waits. */
  fail(error: Error): void {
    if (this.ended) return;
    const reader = this.readers.shift();
    if (reader === undefined) this.failure = error;
    else reader.reject(error);
    this.end();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.lost > 0 && this.room.dropped !== undefined) {
      const value = this.room.dropped(this.lost);
      this.lost = 0;
      return { done: false, value };
    }
    if (this.waiting > 0) return { done: false, value: this.take() };
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    if (this.ended) return { done: true, value: undefined };
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private get waiting(): number {
    return this.values.length - this.head;
  }

  private take(): T {
    const value = this.values[this.head++] as T;
    if (this.head * 2 >= this.values.length) {
      this.values = this.values.slice(this.head);
      this.head = 0;
    }
    return value;
  }

  /** Nobody reads any longer. */
  private close(): void {
    this.values = [];
    this.head = 0;
    this.lost = 0;
    this.failure = undefined;
    this.end();
  }
}
