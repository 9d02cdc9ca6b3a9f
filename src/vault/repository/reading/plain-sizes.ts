import { sealedOverhead } from '../crypto/sealing-key.ts';
import type { PackedBlob } from '../format/pack-header.ts';

/** The sizes of blobs before they were compressed and sealed, which the index in memory does not keep: 4 bytes each. */
export class PlainSizes {
  private sizes = new Uint32Array(1024);
  private count = 0;

  /** Of blobs that were added to an index just now, in the same order. */
  add(blobs: readonly PackedBlob[]): void {
    while (this.count + blobs.length > this.sizes.length) {
      const larger = new Uint32Array(this.sizes.length * 2);
      larger.set(this.sizes);
      this.sizes = larger;
    }
    for (const { length, rawLength } of blobs) {
      this.sizes[this.count] = rawLength ?? length - sealedOverhead;
      this.count += 1;
    }
  }

  of(entry: number): number {
    return this.sizes[entry] ?? 0;
  }
}
