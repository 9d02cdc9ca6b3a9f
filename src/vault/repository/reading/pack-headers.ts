import { collect, KiB } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { open } from '../crypto/sealing-key.ts';
import type { IndexedPack } from '../format/index-file.ts';
import { decodePackHeader, maxSealedHeaderBytes, packHeaderBytes, type PackedBlob } from '../format/pack-header.ts';
import { fileKey } from '../layout.ts';
import type { ListedFile, Repository } from '../repository.ts';

/** Most headers are not longer: one request then does. */
const usualBytes = 64 * KiB;
const lengthBytes = 4;

/**
 * Reads what a pack holds from its own header, which is at its end. Throws vault/corrupt when it has none that is sealed with the
 * repository's key, or when its blobs do not fill the rest; what of the blobs is damaged is not looked at.
 */
export async function readHeader(
  { store, key }: Repository,
  { id, sizeBytes }: ListedFile,
  signal: AbortSignal,
): Promise<IndexedPack> {
  const read = async (length: number): Promise<Buffer> => {
    const range = { offset: sizeBytes - length, length, signal };
    const bytes = await collect(store.get(fileKey('data', id), range), length);
    if (bytes.length < length) throw noHeader(id, 'it ends too early');
    return bytes;
  };
  try {
    if (sizeBytes < lengthBytes) throw noHeader(id, `it has only ${sizeBytes} bytes`);
    let end = await read(Math.min(usualBytes, sizeBytes));
    const headerBytes = end.readUInt32LE(end.length - lengthBytes);
    if (headerBytes > maxSealedHeaderBytes || headerBytes + lengthBytes > sizeBytes)
      throw noHeader(id, 'it tells of a header that is too long');
    if (headerBytes + lengthBytes > end.length) end = await read(headerBytes + lengthBytes);
    const blobs = decodePackHeader(open(key, end.subarray(end.length - lengthBytes - headerBytes, -lengthBytes)));
    if (sizeOf(blobs) !== sizeBytes) throw noHeader(id, 'its blobs do not fill it');
    return { id, blobs };
  } catch (error) {
    if (hasCode(error, 'store/not-found', 'store/bad-range', 'store/short-read'))
      throw noHeader(id, 'it can not be read to its end', error);
    throw error;
  }
}

/** The size that a pack of these blobs has. */
export const sizeOf = (blobs: readonly PackedBlob[]): number =>
  blobs.reduce((sum, { length }) => sum + length, packHeaderBytes(blobs));

const noHeader = (id: string, why: string, cause?: unknown): Error =>
  vaultError('corrupt', {
    message: `What the pack "${fileKey('data', id)}" holds can not be told: ${why}.`,
    hint: 'Put it back from a copy; if an index names it, "holdfast repair packs" saves what is left of it.',
    context: { pack: id },
    ...(cause !== undefined && { cause }),
  });
