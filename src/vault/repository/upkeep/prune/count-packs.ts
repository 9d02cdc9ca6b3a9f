import type { Repository } from '../../repository.ts';
import { BitSet } from '../bit-set.ts';

/** Bits of `kinds`. */
export const packKinds = { data: 1, tree: 2, uncompressed: 4 } as const;

/** How much of each pack is needed; all by the number of the pack. */
export interface PackCounts {
  readonly usedBlobs: Uint32Array;
  readonly unusedBlobs: Uint32Array;
  /** Of the sealed blobs; the used bytes count the header, too. */
  readonly usedBytes: Float64Array;
  readonly unusedBytes: Float64Array;
  readonly kinds: Uint8Array;
}

export interface BlobChoice {
  readonly counts: PackCounts;
  /** The entries that stay: one of each used blob. */
  readonly wanted: BitSet;
  /** Copies of used blobs beyond the one that stays, and their bytes. */
  readonly duplicates: number;
  readonly duplicateBytes: number;
}

/** The seal of a pack's header, and its length. */
const headerBytes = 36;
const entryBytes = 37;
const compressedEntryBytes = 41;

/** Counts what of each pack is needed, and chooses which copy of a blob that lies in several packs stays. */
export function countPacks({ index }: Repository, used: BitSet): BlobChoice {
  const { packCount, blobCount } = index;
  const counts: PackCounts = {
    usedBlobs: new Uint32Array(packCount),
    unusedBlobs: new Uint32Array(packCount),
    usedBytes: new Float64Array(packCount).fill(headerBytes),
    unusedBytes: new Float64Array(packCount),
    kinds: new Uint8Array(packCount),
  };
  const wanted = new BitSet(blobCount);
  const repeated = new BitSet(blobCount);
  const firsts = Uint32Array.from({ length: blobCount }, (_, entry) => index.firstOf(entry));
  for (const [entry, first] of firsts.entries()) if (first !== entry && used.has(first)) repeated.add(first);
  const repeatedIn = new Uint32Array(packCount);
  forEachEntry(index, (entry, pack) => {
    const first = firsts[entry] ?? entry;
    const length = index.lengthOf(entry);
    const compressed = index.isCompressed(entry);
    counts.kinds[pack] =
      (counts.kinds[pack] ?? 0) | packKinds[index.typeOf(entry)] | (compressed ? 0 : packKinds.uncompressed);
    add(counts.usedBytes, pack, compressed ? compressedEntryBytes : entryBytes);
    const isWanted = used.has(first) && !repeated.has(first);
    if (isWanted) wanted.add(entry);
    if (repeated.has(first)) add(repeatedIn, pack, 1);
    add(isWanted ? counts.usedBlobs : counts.unusedBlobs, pack, 1);
    add(isWanted ? counts.usedBytes : counts.unusedBytes, pack, length);
  });
  if (repeated.size > 0) chooseCopies({ index, counts, wanted, repeated, firsts, repeatedIn });
  let duplicates = 0;
  let duplicateBytes = 0;
  for (const [entry, first] of firsts.entries()) {
    if (!used.has(first) || wanted.has(entry)) continue;
    duplicates += 1;
    duplicateBytes += index.lengthOf(entry);
  }
  return { counts, wanted, duplicates, duplicateBytes };
}

function forEachEntry(index: Repository['index'], visit: (entry: number, pack: number) => void): void {
  for (let pack = 0; pack < index.packCount; pack += 1) {
    const { from, to } = index.entriesOf(pack);
    for (let entry = from; entry < to; entry += 1) visit(entry, pack);
  }
}

interface Copies {
  readonly index: Repository['index'];
  readonly counts: PackCounts;
  readonly wanted: BitSet;
  /** First entries of used blobs that lie in several packs. */
  readonly repeated: BitSet;
  readonly firsts: Uint32Array;
  readonly repeatedIn: Uint32Array;
}

/**
 * Of a blob with several copies the one stays whose pack is needed anyhow, or holds nothing but such copies: that is
 * what a prune that was interrupted has left behind, and need not be done again. Else the first.
 */
function chooseCopies({ index, counts, wanted, repeated, firsts, repeatedIn }: Copies): void {
  const { usedBlobs, unusedBlobs, usedBytes, unusedBytes } = counts;
  const choose = (entry: number, pack: number): void => {
    const length = index.lengthOf(entry);
    repeated.delete(firsts[entry] ?? entry);
    wanted.add(entry);
    add(usedBlobs, pack, 1);
    add(unusedBlobs, pack, -1);
    add(usedBytes, pack, length);
    add(unusedBytes, pack, -length);
  };
  forEachEntry(index, (entry, pack) => {
    if (!repeated.has(firsts[entry] ?? entry)) return;
    const { from, to } = index.entriesOf(pack);
    if ((usedBlobs[pack] ?? 0) > 0 || repeatedIn[pack] === to - from) choose(entry, pack);
  });
  forEachEntry(index, (entry, pack) => {
    if (repeated.has(firsts[entry] ?? entry)) choose(entry, pack);
  });
}

const add = (numbers: Uint32Array | Float64Array, at: number, more: number): void => {
  numbers[at] = (numbers[at] ?? 0) + more;
};
