import { storeError } from './errors.ts';
import type { GetOptions } from './object-store.ts';

/** The bytes from `start` up to, but not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The part of an object of `sizeBytes` that `options` ask for. Throws store/bad-range when it ends past the object. */
export function byteRange(key: string, sizeBytes: number, options: GetOptions): ByteRange {
  const start = options.offset ?? 0;
  const end = options.length === undefined ? Math.max(start, sizeBytes) : start + options.length;
  if (start >= 0 && end >= start && end <= sizeBytes) return { start, end };
  throw storeError('bad-range', {
    message: `The bytes ${start} to ${end} of "${key}" were asked for, which has only ${sizeBytes} bytes`,
    hint: 'The object is shorter than expected: it may be damaged. Run a verification.',
    context: { key, sizeBytes, start, end },
  });
}
