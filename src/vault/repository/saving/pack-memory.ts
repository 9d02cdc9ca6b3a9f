import { GiB, MiB } from '../../../base/bytes.ts';
import { giveBackPages, useLargePages } from '../../../base/large-pages.ts';
import { chunkLimits } from '../chunker/chunk-limits.ts';
import { digestStateBytes } from '../threads/pack-digest.ts';

/** How many packs may fill or be on their way to the store at once. */
const packCount = 3;
/** So much above the size that a pack aims at may be under way to it: what is compressed comes to less. */
export const underWayBytes: number = 4 * MiB;
/** Room above the size that a pack aims at: for that, and for one of the largest chunks. */
const slackBytes = underWayBytes + chunkLimits.max;

/** Memory in which the threads put packs together. A tree of a huge directory may make one grow. */
export class PackMemory {
  readonly packs: readonly SharedArrayBuffer[];
  /** How much of each pack is taken: the threads add to it, by atomic operations. */
  readonly used: SharedArrayBuffer = new SharedArrayBuffer(packCount * 4);
  readonly usedBytes = new Uint32Array(this.used);
  /** For each pack, the state of its digest while that is made in steps. */
  readonly digests: SharedArrayBuffer = new SharedArrayBuffer(packCount * digestStateBytes);
  private readonly hasLargePages: boolean;

  constructor(packSizeBytes: number) {
    const memory = (): SharedArrayBuffer =>
      new SharedArrayBuffer(packSizeBytes + slackBytes, { maxByteLength: Math.max(GiB, 2 * packSizeBytes) });
    this.packs = Array.from({ length: packCount }, memory);
    this.hasLargePages = this.packs.map(useLargePages).every(Boolean);
  }

  bytes(number: number, offset: number, length: number): Uint8Array {
    return new Uint8Array(this.packs[number] as SharedArrayBuffer, offset, length);
  }

  /** Nobody needs what is in this part of a pack any more: until it is used again it has no memory, where that costs little. */
  giveBack(number: number, offset?: number, length?: number): void {
    const pack = this.packs[number];
    if (this.hasLargePages && pack) giveBackPages(pack, offset, length);
  }
}
