import { hash } from 'node:crypto';
import { chunkLimits } from '../chunker/chunk-limits.ts';

/**
 * Zeros as a chunker of restic's kind cuts them: a chunk of zeros ends as soon as it may, so that a hole becomes many of
 * one blob. Yielded for all of them; nobody may write into it.
 */
export const zeroChunk: Uint8Array = new Uint8Array(chunkLimits.min);

/** The name of that blob. */
export const zeroChunkId: string = hash('sha256', zeroChunk, 'hex');
