import { formatBytes } from '../../base/bytes.ts';
import type { RestorePoint } from '../../vault/index.ts';

/** What the newest restore point is measured against, and how much of it it must have. */
const fewestEarlier = 3;
const smallestShare = 0.5;

/** The middle of the values; of an even number the mean of the two in the middle. 0 for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (lower + upper) / 2;
}

/**
 * Says so when the newest restore point of a target has less than half of the bytes or files that the good ones before
 * it usually (in the median) have; undefined when it has not, or when there are fewer than three to compare it with. All
 * earlier ones count, so that it takes about as many small ones until the small size is taken for the usual one.
 * `newestFirst` are the restore points of one target.
 */
export function suddenShrink(newestFirst: readonly RestorePoint[]): string | undefined {
  const [newest, ...earlier] = newestFirst;
  const good = earlier.filter(({ status }) => status === 'ok');
  if (newest === undefined || good.length < fewestEarlier) return undefined;
  const usualBytes = median(good.map(({ sizeBytes }) => sizeBytes));
  const usualFiles = median(good.map(({ files }) => files));
  if (newest.sizeBytes < usualBytes * smallestShare)
    return `the newest has ${formatBytes(newest.sizeBytes)} where ${formatBytes(Math.round(usualBytes))} are usual`;
  if (newest.files < usualFiles * smallestShare)
    return `the newest has ${newest.files} files where ${Math.round(usualFiles)} are usual`;
  return undefined;
}
