import { createHash } from 'node:crypto';

/** Counts and hashes bytes as they pass. */
export class Tally {
  bytes = 0;
  private readonly hash = createHash('sha256');

  add(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
  }

  /** Passes `chunks` on, each counted and hashed. */
  async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.add(chunk);
      yield chunk;
    }
  }

  /** The SHA-256 of everything, hexadecimal. Call it once, at the end. */
  sha256(): string {
    return this.hash.digest('hex');
  }
}
