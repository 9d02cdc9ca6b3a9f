import { paceSliceBytes, type PutOptions } from './object-store.ts';

/** Cuts `bytes` into slices that `limited` can count; views, not copies. */
export function* slices(bytes: Uint8Array, sizeBytes = paceSliceBytes): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += sizeBytes) yield bytes.subarray(start, start + sizeBytes);
}

/** Waits until the pace of a put allows all of `bytes`; for drivers that can't trickle them. */
export async function waitForPace(bytes: Uint8Array, { pace, signal }: PutOptions): Promise<void> {
  if (pace === undefined) return;
  for (const slice of slices(bytes)) {
    signal?.throwIfAborted();
    await pace(slice.length);
  }
}
