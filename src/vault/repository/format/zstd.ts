import zlib from 'node:zlib';
import { KiB, MiB } from '../../../base/bytes.ts';
import { corrupt } from './read-json.ts';

/** zstd's own bound on a frame's size. With less room it takes a slower way, by a window that it copies into. */
const boundBytes = (bytes: number): number => bytes + (bytes >> 8) + 64 * KiB;

/** One zstd frame that tells the content's size and has no checksum: blobs are known by their SHA-256. */
export function compressBlob(bytes: Uint8Array, level: number): Buffer {
  return zlib.zstdCompressSync(bytes, {
    chunkSize: boundBytes(bytes.length),
    params: {
      [zlib.constants.ZSTD_c_compressionLevel]: level,
      [zlib.constants.ZSTD_c_checksumFlag]: 0,
      [zlib.constants.ZSTD_c_contentSizeFlag]: 1,
    },
    pledgedSrcSize: bytes.length,
  });
}

/** More than any file of a repository that is no pack: 50 000 blobs of an index are 10 MB. */
const longestUnknown = 512 * MiB;

const smallestChunk = 64;

/** About eight times as much as was stored: most files come out in one piece. */
const guessBytes = (bytes: number): number => Math.min(Math.max(bytes * 8, 4 * KiB), 16 * MiB);

/**
 * The content of a frame. Throws vault/corrupt when it is damaged, or when what comes out is not `rawLength` bytes (or
 * more than 512 MiB where that is not known): no more memory than this is ever taken.
 */
export function decompressBlob(bytes: Uint8Array, rawLength?: number): Buffer {
  const limit = rawLength ?? longestUnknown;
  let raw: Buffer;
  try {
    raw = zlib.zstdDecompressSync(bytes, {
      chunkSize: Math.max(rawLength ?? guessBytes(bytes.length), smallestChunk),
      maxOutputLength: Math.max(limit, 1),
    });
  } catch (error) {
    throw corrupt('Compressed data', 'it can not be decompressed', error);
  }
  if (rawLength !== undefined && raw.length !== rawLength)
    throw corrupt('Compressed data', `it holds ${raw.length} bytes instead of ${rawLength}`);
  return raw;
}
