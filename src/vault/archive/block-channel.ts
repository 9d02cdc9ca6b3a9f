/**
 * Hands blocks from the one who fills them to the one who takes them, with room for one: `push` waits while the taker is
 * behind. When either side fails, the other is told at its next step.
 */
export class BlockChannel implements AsyncIterable<Uint8Array> {
  private block: Uint8Array | undefined;
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private wakeTaker: (() => void) | undefined;
  private wakePusher: (() => void) | undefined;

  /** Resolves when there is room again. Throws what `fail` was told. */
  async push(block: Uint8Array): Promise<void> {
    this.throwFailure();
    this.block = block;
    this.wakeTaker?.();
    while (this.block !== undefined) await new Promise<void>((resolve) => (this.wakePusher = resolve));
    this.throwFailure();
  }

  /** No block will follow. */
  end(): void {
    this.ended = true;
    this.wakeTaker?.();
  }

  /** Ends both sides with `error`. The first failure stays. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.block = undefined;
    this.wakeTaker?.();
    this.wakePusher?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.throwFailure();
      const block = this.block;
      if (block !== undefined) {
        this.block = undefined;
        this.wakePusher?.();
        yield block;
      } else if (this.ended) return;
      else await new Promise<void>((resolve) => (this.wakeTaker = resolve));
    }
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }
}
