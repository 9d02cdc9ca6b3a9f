/**
 * Each frame says how long it is before it begins, so that a reader can hand frames to several threads without looking
 * for their ends. Ordinary programs skip these fields: gzip's "extra field" (RFC 1952, 2.3.1.1), and for zstd a
 * skippable frame (RFC 8878, 3.1.2) as pzstd writes it.
 */
export const gzipHeaderBytes = 20;
export const zstdHeaderBytes = 12;

const gzipStart = Buffer.from([
  0x1f,
  0x8b,
  8,
  4,
  0,
  0,
  0,
  0,
  0,
  255, // deflate, extra field, no time, system unknown
  8,
  0,
  0x48,
  0x46,
  4,
  0, // an extra field of 8 bytes: "HF", 4 bytes
]);
const zstdStart = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]);

function withSize(start: Buffer, sizeBytes: number): Buffer {
  const header = Buffer.alloc(start.length + 4);
  start.copy(header);
  header.writeUInt32LE(sizeBytes, start.length);
  return header;
}

/** The header of a gzip member of which `bodyBytes` follow. */
export const gzipHeader = (bodyBytes: number): Buffer => withSize(gzipStart, bodyBytes);

/** The skippable frame before a zstd frame of `frameBytes`. */
export const zstdHeader = (frameBytes: number): Buffer => withSize(zstdStart, frameBytes);

/** How many bytes follow such a header; undefined when it is none. */
export function bytesAfter(header: Buffer, algorithm: 'gzip' | 'zstd'): number | undefined {
  const start = algorithm === 'gzip' ? gzipStart : zstdStart;
  if (header.length !== start.length + 4 || !header.subarray(0, start.length).equals(start)) return undefined;
  return header.readUInt32LE(start.length);
}
