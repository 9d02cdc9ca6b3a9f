import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

import { KiB, rechunk } from '../../../base/bytes.ts';
import type { ByteReader } from '../byte-reader.ts';
import { sealBroken } from './key-errors.ts';

/**
 * The payload of an age file (https://c2sp.org/age, "Payload"): a nonce of 16 bytes, then chunks of 64 KiB, each sealed
 * with ChaCha20-Poly1305 under a counter whose last byte marks the last chunk.
 */
export const nonceBytes = 16;
const plainChunkBytes = 64 * KiB;
const tagBytes = 16;
const sealedChunkBytes = plainChunkBytes + tagBytes;

/** Chunks that are worked on at once: fewer, bigger buffers. */
const batch = 16;

const streamKey = (fileKey: Uint8Array, nonce: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));

/** Counts chunks: 11 bytes of counter, big-endian, and the mark of the last one. */
class ChunkNonce {
  private readonly bytes = Buffer.alloc(12);
  private count = 0;

  next(last: boolean): Buffer {
    this.bytes.writeUIntBE(this.count, 5, 6);
    this.bytes[11] = last ? 1 : 0;
    this.count += 1;
    return this.bytes;
  }
}

/** Calls `work` for each item, and says of the last one that it is. An empty input is one empty last item. */
async function* withLast(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<{ block: Uint8Array; last: boolean }> {
  let held: Uint8Array | undefined;
  for await (const block of blocks) {
    if (held) yield { block: held, last: false };
    held = block;
  }
  yield { block: held ?? new Uint8Array(0), last: true };
}

/** Encrypts content under a file key: the nonce and the sealed chunks. */
export async function* sealPayload(chunks: AsyncIterable<Uint8Array>, fileKey: Uint8Array): AsyncGenerator<Uint8Array> {
  const nonce = randomBytes(nonceBytes);
  const key = streamKey(fileKey, nonce);
  const counter = new ChunkNonce();
  yield nonce;
  for await (const { block, last } of withLast(rechunk(chunks, plainChunkBytes * batch))) {
    const pieces: Uint8Array[] = [];
    for (let offset = 0; offset < Math.max(1, block.length); offset += plainChunkBytes) {
      const end = offset + plainChunkBytes;
      const iv = counter.next(last && end >= block.length);
      const cipher = createCipheriv('chacha20-poly1305', key, iv, { authTagLength: tagBytes });
      pieces.push(cipher.update(block.subarray(offset, end)), cipher.final(), cipher.getAuthTag());
    }
    yield Buffer.concat(pieces);
  }
}

async function* rest(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (let chunk = await reader.some(Infinity); chunk !== undefined; chunk = await reader.some(Infinity)) yield chunk;
}

/** Decrypts what follows an age header. vault/corrupt when a chunk was changed, cut off, added or moved. */
export async function* openPayload(reader: ByteReader, fileKey: Uint8Array): AsyncGenerator<Uint8Array> {
  const nonce = await reader.upTo(nonceBytes);
  if (nonce.length < nonceBytes) throw sealBroken('it ends after the age header');
  const key = streamKey(fileKey, nonce);
  const counter = new ChunkNonce();
  let first = true;
  for await (const { block, last } of withLast(rechunk(rest(reader), sealedChunkBytes * batch))) {
    for (let offset = 0; offset < Math.max(1, block.length); offset += sealedChunkBytes) {
      const end = offset + sealedChunkBytes;
      const isLast = last && end >= block.length;
      const plain = openChunk(block.subarray(offset, end), key, counter.next(isLast));
      if (plain.length === 0 && !first) throw sealBroken('an empty chunk follows the last one');
      first = false;
      if (plain.length > 0) yield plain;
    }
  }
}

function openChunk(sealed: Uint8Array, key: Buffer, iv: Buffer): Buffer {
  if (sealed.length < tagBytes) throw sealBroken('its last chunk is cut off');
  const decipher = createDecipheriv('chacha20-poly1305', key, iv, { authTagLength: tagBytes });
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const plain = decipher.update(sealed.subarray(0, sealed.length - tagBytes));
  try {
    decipher.final();
  } catch (error) {
    throw sealBroken('a chunk was changed, moved or cut off', error);
  }
  return plain;
}
