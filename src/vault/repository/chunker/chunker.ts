import { KiB } from '../../../base/bytes.ts';
import { loadKernels } from '../kernels/load-kernels.ts';
import { chunkLimits } from './cut-points.ts';

const { min, max, window } = chunkLimits;

/** How far the scan goes before it looks whether it has found something: what it finds behind a cut is of no use. */
const step = 64 * KiB;

/**
 * Where the chunk ends that begins at `start`. `bytes` must reach `chunkLimits.max` beyond `start`, or to the stream's end.
 * Faster than a scan of everything, since what no chunk may end in is not looked at.
 */
export function nextCut(tables: Uint8Array, bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, start + max);
  for (let at = start + min - 1; at < limit; at += step) {
    const stretch = bytes.subarray(at - window, Math.min(at + step, limit));
    const [candidate] = loadKernels().findCandidates(tables, stretch, window);
    if (candidate !== undefined) return at - window + candidate;
  }
  return limit;
}

/** The ends of all chunks of a stream that is in memory as a whole, in ascending order. */
export function cutPoints(tables: Uint8Array, bytes: Uint8Array): number[] {
  const cuts: number[] = [];
  for (let start = 0; start < bytes.length; start = cuts.at(-1) ?? bytes.length)
    cuts.push(nextCut(tables, bytes, start));
  return cuts;
}
