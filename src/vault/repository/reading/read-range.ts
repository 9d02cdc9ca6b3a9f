import { hasCode } from '../../../base/errors.ts';
import type { ObjectStore } from '../../../store/index.ts';
import { vaultError } from '../../errors.ts';
import { fileKey } from '../layout.ts';

export interface PackRange {
  readonly packId: string;
  readonly offset: number;
  readonly length: number;
}

export interface ReadRangeOptions {
  readonly memory: Uint8Array;
  readonly signal: AbortSignal;
  /** Is told how many bytes of the range are there, each time when more came. */
  readonly onBytes?: (bytes: number) => void;
}

/** Reads a part of a pack into `memory`. vault/missing-object, vault/truncated, and errors of the store. */
export async function readRange(
  store: ObjectStore,
  { packId, offset, length }: PackRange,
  { memory, signal, onBytes }: ReadRangeOptions,
): Promise<void> {
  const key = fileKey('data', packId);
  let at = 0;
  try {
    for await (const chunk of store.get(key, { offset, length, into: memory, signal })) {
      const isThere = chunk.buffer === memory.buffer && chunk.byteOffset === memory.byteOffset + at;
      if (!isThere) memory.set(chunk, at);
      at += chunk.length;
      onBytes?.(at);
    }
  } catch (error) {
    if (hasCode(error, 'store/not-found')) throw missingPack(store, packId, error);
    if (hasCode(error, 'store/bad-range', 'store/short-read')) throw truncatedPack(store, packId, error);
    throw error;
  }
  if (at !== length) throw truncatedPack(store, packId);
}

export const missingPack = (store: ObjectStore, packId: string, cause?: unknown): Error =>
  vaultError('missing-object', {
    message: `The pack "${fileKey('data', packId)}" is missing in ${store.label}.`,
    hint: 'Put it back from a copy; else "holdfast repair index" forgets it, and then "holdfast check" names what is lost.',
    context: { pack: packId },
    cause,
  });

const truncatedPack = (store: ObjectStore, packId: string, cause?: unknown): Error =>
  vaultError('truncated', {
    message: `The pack "${fileKey('data', packId)}" in ${store.label} is shorter than the index says.`,
    hint: 'Put it back from a copy; else "holdfast repair packs" saves what is left of it.',
    context: { pack: packId },
    cause,
  });
