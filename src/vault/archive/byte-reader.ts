/** Cuts a stream of chunks into the pieces that a parser asks for. Not for concurrent use. */
export class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private offset = 0;
  private ended = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** The next 1 to `limit` bytes without copying; undefined at the end. */
  async some(limit: number): Promise<Uint8Array | undefined> {
    if (!(await this.fill())) return undefined;
    const piece = this.chunk.subarray(this.offset, Math.min(this.chunk.length, this.offset + limit));
    this.offset += piece.length;
    return piece;
  }

  /** The next `size` bytes, or fewer where the stream ends before. */
  async upTo(size: number): Promise<Buffer> {
    if (this.chunk.length - this.offset >= size) {
      const whole = this.chunk.subarray(this.offset, this.offset + size);
      this.offset += size;
      return Buffer.from(whole.buffer, whole.byteOffset, whole.length);
    }
    const gathered = Buffer.allocUnsafe(size);
    let used = 0;
    while (used < size) {
      const piece = await this.some(size - used);
      if (piece === undefined) return gathered.subarray(0, used);
      gathered.set(piece, used);
      used += piece.length;
    }
    return gathered;
  }

  /** Passes over `size` bytes. Returns how many there were. */
  async skip(size: number): Promise<number> {
    let left = size;
    while (left > 0) {
      const piece = await this.some(left);
      if (piece === undefined) break;
      left -= piece.length;
    }
    return size - left;
  }

  /** Tells the stream that no more is wanted. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.source.return?.();
  }

  private async fill(): Promise<boolean> {
    while (this.offset === this.chunk.length) {
      if (this.ended) return false;
      const next = await this.source.next();
      if (next.done === true) {
        this.ended = true;
        return false;
      }
      this.chunk = next.value;
      this.offset = 0;
    }
    return true;
  }
}
