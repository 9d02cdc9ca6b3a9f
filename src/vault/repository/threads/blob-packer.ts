import { KiB } from '../../../base/bytes.ts';
import type { BlobType } from '../format/pack-header.ts';
import type { BlobCompressor } from './blob-compressor.ts';
import { ScratchMemory } from './scratch-memory.ts';
import { isEvenlySpread, leastSpreadBytes } from './spread-of-bytes.ts';

/** Samples of a content: the beginning of each stretch. */
const stretchBytes = 64 * KiB;
const sampleBytes = 4 * KiB;
/** Contents below this are no larger than their samples would be worth: of them it is counted how often each byte comes. */
const leastSampledBytes = 4 * stretchBytes;
/** What does not become smaller by so much is not worth the time of whoever reads it. */
const worthwhile = 0.99;

/** What is sealed of a blob; `rawLength` is 0 where that is the content itself. */
export interface PackedContent {
  readonly parts: readonly Uint8Array[];
  readonly rawLength: number;
}

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** Decides what is compressed: every tree, and of contents what shrinks by that. */
export class BlobPacker {
  private readonly compressor: BlobCompressor;
  private readonly compressesData: boolean;
  private readonly whole = new ScratchMemory();
  private sample = Buffer.alloc(0);
  /**
   * Contents that do not shrink come in rows: in one, samples are tried first, and at the beginning, as to try all takes
   * memory for all.
   */
  private doubtful = true;

  constructor(compressor: BlobCompressor, compressesData: boolean) {
    this.compressor = compressor;
    this.compressesData = compressesData;
  }

  /** What is to be sealed of a blob, whose content is given in parts; valid until the next call. */
  pack(type: BlobType, parts: readonly Uint8Array[]): PackedContent {
    const size = sizeOf(parts);
    if (type === 'tree') return this.compress(parts, size);
    if (!this.compressesData) return { parts, rawLength: 0 };
    if (this.doubtful && !this.mayShrink(parts, size)) return { parts, rawLength: 0 };
    const packed = this.compress(parts, size);
    const packedSize = sizeOf(packed.parts);
    this.doubtful = packedSize > size * worthwhile;
    return packedSize < size ? packed : { parts, rawLength: 0 };
  }

  private compress(parts: readonly Uint8Array[], size: number): PackedContent {
    const [first] = parts;
    if (first && parts.length === 1) return { parts: [this.compressor.compress(first)], rawLength: size };
    const frame = this.compressor.compress(this.gather(parts, size));
    this.whole.empty(); // few contents lie in several parts
    return { parts: [frame], rawLength: size };
  }

  private gather(parts: readonly Uint8Array[], size: number): Uint8Array {
    const whole = this.whole.room(size);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole.subarray(0, size);
  }

  private mayShrink(parts: readonly Uint8Array[], size: number): boolean {
    if (size >= leastSampledBytes) return this.samplesShrink(parts);
    const [first] = parts;
    return !first || parts.length > 1 || size < leastSpreadBytes || !isEvenlySpread(first);
  }

  /** A sixteenth of a content tells of all of it, unless what shrinks are short runs between others. */
  private samplesShrink(parts: readonly Uint8Array[]): boolean {
    const room = parts.reduce((sum, { length }) => sum + sampleBytes * Math.ceil(length / stretchBytes), 0);
    if (this.sample.length < room) this.sample = Buffer.allocUnsafeSlow(room);
    let used = 0;
    for (const part of parts)
      for (let at = 0; at < part.length; at += stretchBytes) {
        const sample = part.subarray(at, at + sampleBytes);
        this.sample.set(sample, used);
        used += sample.length;
      }
    return this.compressor.compress(this.sample.subarray(0, used)).length < used * worthwhile;
  }
}
