import { vaultError } from '../errors.ts';
import type { BlobType } from './format/pack-header.ts';

/** vault/missing-object for a blob that no index tells of, or that is not where one says. */
export const missingBlob = (type: BlobType, id: string, cause?: unknown): Error =>
  vaultError('missing-object', {
    message: `The ${type} blob ${id} is in no pack that the index knows.`,
    hint: 'Run "holdfast check"; "holdfast repair index" finds blobs that only the index has lost.',
    context: { id },
    cause,
  });
