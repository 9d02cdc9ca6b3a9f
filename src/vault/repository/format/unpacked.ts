import { compressBlob, decompressBlob } from './zstd.ts';
import { corrupt } from './read-json.ts';

/** Format 2 sets this byte before compressed JSON; JSON itself starts with a bracket. */
const compressedMark = 2;
const brackets = new Set(['{'.charCodeAt(0), '['.charCodeAt(0)]);

const defaultLevel = 3;

export type FormatVersion = 1 | 2;

/**
 * The plain text of an index, a snapshot or a lock, ready to be sealed: compressed from format 2 on. The config and keys
 * are plain JSON in every format: they don't come here.
 */
export function encodeUnpacked(json: string | Uint8Array, version: FormatVersion): Buffer {
  const bytes = typeof json === 'string' ? Buffer.from(json) : Buffer.from(json.buffer, json.byteOffset, json.length);
  return version === 1 ? bytes : Buffer.concat([Uint8Array.of(compressedMark), compressBlob(bytes, defaultLevel)]);
}

/** The JSON in the plain text of an unpacked file, of either format. Throws vault/corrupt. */
export function decodeUnpacked(bytes: Uint8Array): Buffer {
  const first = bytes[0];
  if (first === compressedMark) return decompressBlob(bytes.subarray(1));
  if (first === undefined || !brackets.has(first)) throw corrupt('A file', 'it is neither JSON nor compressed JSON');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
