/** Joins writes of any size into blocks of one size and hands them on. Not for concurrent use. */
export class BlockBuilder {
  private readonly blockBytes: number;
  private readonly allocate: () => Buffer;
  private readonly emit: (block: Uint8Array) => Promise<void>;
  private block: Buffer | undefined;
  private used = 0;

  /** `allocate` gives an empty block of `blockBytes`; `emit` takes a filled one over. */
  constructor(blockBytes: number, allocate: () => Buffer, emit: (block: Uint8Array) => Promise<void>) {
    this.blockBytes = blockBytes;
    this.allocate = allocate;
    this.emit = emit;
  }

  /** Copies `bytes`; resolves when the next may come. */
  async write(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < bytes.length) {
      this.block ??= this.allocate();
      const taken = Math.min(bytes.length - offset, this.blockBytes - this.used);
      this.block.set(taken === bytes.length ? bytes : bytes.subarray(offset, offset + taken), this.used);
      offset += taken;
      this.used += taken;
      if (this.used === this.blockBytes) await this.flush();
    }
  }

  /** Hands on what is left, if anything. */
  async flush(): Promise<void> {
    if (this.block === undefined || this.used === 0) return;
    const full = this.block.subarray(0, this.used);
    this.block = undefined;
    this.used = 0;
    await this.emit(full);
  }
}
