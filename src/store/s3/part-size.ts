import { MiB } from '../../base/bytes.ts';
import { storeError } from '../errors.ts';

/** S3 takes no more parts than this. */
export const maxParts = 10_000;

const defaultPartSizeMiB = 8;

/**
 * Sizes of the parts of an upload: the base, doubled after every 1000 parts, so that small uploads need little memory
 * and large ones still fit into 10 000 parts (8 MiB reach 7.99 TiB). Throws store/too-large past the last part.
 */
export function partSizes(key: string, partSizeMiB = defaultPartSizeMiB): (index: number) => number {
  return (index) => {
    if (index < maxParts) return partSizeMiB * MiB * 2 ** Math.floor(index / 1000);
    throw storeError('too-large', {
      message: `"${key}" needs more than ${maxParts} parts, which is all that S3 takes`,
      hint: 'Set a larger partSizeMiB for this store.',
      context: { key },
    });
  };
}
