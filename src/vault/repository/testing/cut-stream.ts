import { StreamCutter } from '../chunker/stream-cutter.ts';

/** The ends of all chunks of a stream, which comes in pieces that end at `borders`, in any order. */
export function cutStream(tables: Uint8Array, bytes: Uint8Array, borders: readonly number[] = []): number[] {
  const cutter = new StreamCutter(tables);
  const places = [0, ...[...borders].sort((a, b) => a - b), bytes.length];
  const cuts = places.slice(1).flatMap((end, i) => cutter.add(bytes.subarray(places[i], end)));
  return [...cuts, ...cutter.finish()];
}
