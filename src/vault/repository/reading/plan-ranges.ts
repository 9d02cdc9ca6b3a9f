import { KiB } from '../../../base/bytes.ts';

/** Where a blob lies, with its pack's number. */
export interface Placed {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}

/** Blobs of one pack that are read together: with `length` bytes from `offset` on. */
export interface PlannedRange<Blob extends Placed> {
  readonly offset: number;
  length: number;
  readonly blobs: Blob[];
}

/** To read so much that nobody needs costs less than a second request. */
const gapBytes = 64 * KiB;

/**
 * Joins blobs that lie side by side to ranges of up to `mostBytes`, in the order in which their first blobs are needed. A larger blob is a
 * range of its own.
 */
export function planRanges<Blob extends Placed>(needed: readonly Blob[], mostBytes: number): PlannedRange<Blob>[] {
  const ranges: PlannedRange<Blob>[] = [];
  const order = new Map(needed.map((blob, turn) => [blob, turn]));
  const turnOf = (blob: Blob): number => order.get(blob) ?? 0;
  const first = (range: PlannedRange<Blob>): number => Math.min(...range.blobs.map(turnOf));
  let last: PlannedRange<Blob> | undefined;
  for (const blob of needed.toSorted((a, b) => a.pack - b.pack || a.offset - b.offset)) {
    const end = blob.offset + blob.length;
    const joins =
      last?.blobs[0]?.pack === blob.pack &&
      blob.offset - (last.offset + last.length) <= gapBytes &&
      end - last.offset <= mostBytes;
    if (last && joins) {
      last.length = Math.max(last.length, end - last.offset);
      last.blobs.push(blob);
    } else {
      last = { offset: blob.offset, length: blob.length, blobs: [blob] };
      ranges.push(last);
    }
  }
  const turns = new Map(ranges.map((range) => [range, first(range)]));
  return ranges.sort((a, b) => (turns.get(a) ?? 0) - (turns.get(b) ?? 0));
}
