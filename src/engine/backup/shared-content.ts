/**
 * The content of one entry, read once and given to several readers at their own pace: the next chunk is read when all
 * of them have asked for it, so back-pressure follows the slowest. A reader that will not read, or stops reading,
 * leaves; the others go on.
 */
export class SharedContent {
  private readonly source: () => AsyncIterable<Uint8Array>;
  private readonly readers: Set<number>;
  private readonly asking = new Map<number, PromiseWithResolvers<IteratorResult<Uint8Array, undefined>>>();
  private iterator: AsyncIterator<Uint8Array> | undefined;

  /** `readerCount` readers, numbered from 0; each must either read to the end or leave. */
  constructor(source: () => AsyncIterable<Uint8Array>, readerCount: number) {
    this.source = source;
    this.readers = new Set(Array.from({ length: readerCount }, (_, index) => index));
  }

  /** The content as reader `index` sees it. Chunks are shared: they must not be written to. */
  async *read(index: number): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const asked = Promise.withResolvers<IteratorResult<Uint8Array, undefined>>();
        this.asking.set(index, asked);
        this.advanceWhenAllAsk();
        const step = await asked.promise;
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      this.leave(index);
    }
  }

  /** Reader `index` wants no more. Harmless when repeated. */
  leave(index: number): void {
    if (!this.readers.delete(index)) return;
    this.asking.get(index)?.resolve({ done: true, value: undefined });
    this.asking.delete(index);
    if (this.readers.size === 0) void this.iterator?.return?.().catch(() => {}); // nobody is left to be told
    else this.advanceWhenAllAsk();
  }

  private advanceWhenAllAsk(): void {
    if (this.asking.size < this.readers.size || this.asking.size === 0) return;
    const asked = [...this.asking.values()];
    this.asking.clear();
    this.iterator ??= this.source()[Symbol.asyncIterator]();
    this.iterator.next().then(
      (step) => asked.forEach(({ resolve }) => resolve(step as IteratorResult<Uint8Array, undefined>)),
      (error: unknown) => asked.forEach(({ reject }) => reject(error)),
    );
  }
}
