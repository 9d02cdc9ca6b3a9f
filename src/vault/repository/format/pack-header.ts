import { MiB } from '../../../base/bytes.ts';
import { corrupt, maxUint32 } from './read-json.ts';

export type BlobType = 'data' | 'tree';

/** A blob in a pack. */
export interface PackedBlob {
  /** The SHA-256 of its content, in hex. */
  readonly id: string;
  readonly type: BlobType;
  /** Where the sealed blob starts in the pack. */
  readonly offset: number;
  /** The bytes that it takes there, sealed. */
  readonly length: number;
  /** The size of its content, when it is compressed. */
  readonly rawLength?: number;
}

const idBytes = 32;
/** Type, sealed length, id. */
const plainEntryBytes = 1 + 4 + idBytes;
/** The same with the content's size. */
const compressedEntryBytes = plainEntryBytes + 4;
/** What sealing adds: IV and MAC. */
const sealingBytes = 32;
const lengthBytes = 4;

/** restic refuses packs whose sealed header is longer. */
export const maxSealedHeaderBytes = 16 * MiB;

/** As many blobs as any pack may hold. */
export const maxPackedBlobs = Math.floor((maxSealedHeaderBytes - sealingBytes) / compressedEntryBytes);

const entryBytes = (blob: PackedBlob): number =>
  blob.rawLength === undefined ? plainEntryBytes : compressedEntryBytes;

/** What a pack's header takes at its end, sealed and with its length. */
export const packHeaderBytes = (blobs: readonly PackedBlob[]): number =>
  blobs.reduce((sum, blob) => sum + entryBytes(blob), sealingBytes + lengthBytes);

const typeByte = ({ type, rawLength }: PackedBlob): number =>
  (type === 'data' ? 0 : 1) + (rawLength === undefined ? 0 : 2);

/**
 * The header of a pack, to be sealed: its blobs in the order in which they stand there, from offset 0 and without gaps.
 */
export function encodePackHeader(blobs: readonly PackedBlob[]): Buffer {
  const header = Buffer.allocUnsafe(packHeaderBytes(blobs) - sealingBytes - lengthBytes);
  if (header.length + sealingBytes > maxSealedHeaderBytes) throw new RangeError(`${blobs.length} blobs in one pack`);
  let at = 0;
  for (const blob of blobs) {
    at = header.writeUInt8(typeByte(blob), at);
    at = header.writeUInt32LE(blob.length, at);
    if (blob.rawLength !== undefined) at = header.writeUInt32LE(blob.rawLength, at);
    at += header.write(blob.id, at, 'hex');
  }
  return header;
}

/** The blobs that an opened header names (uncompressed ones are all that format 1 has). Throws vault/corrupt. */
export function decodePackHeader(header: Uint8Array): PackedBlob[] {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  if (bytes.length === 0) throw corrupt('The header of a pack', 'it names no blob');
  const blobs: PackedBlob[] = [];
  let offset = 0;
  for (let at = 0; at < bytes.length;) {
    const kind = bytes.readUInt8(at);
    const compressed = kind >= 2;
    const end = at + (compressed ? compressedEntryBytes : plainEntryBytes);
    if (kind > 3) throw corrupt('The header of a pack', `it has a blob of the unknown type ${kind}`);
    if (end > bytes.length) throw corrupt('The header of a pack', 'it ends within an entry');
    const length = bytes.readUInt32LE(at + 1);
    blobs.push({
      id: bytes.toString('hex', end - idBytes, end),
      type: kind % 2 === 0 ? 'data' : 'tree',
      offset,
      length,
      ...(compressed && { rawLength: bytes.readUInt32LE(at + 5) }),
    });
    offset += length;
    if (offset > maxUint32) throw corrupt('The header of a pack', 'its blobs are longer than a pack can be');
    at = end;
  }
  return blobs;
}
