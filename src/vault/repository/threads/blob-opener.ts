import { createHash, hash } from 'node:crypto';
import { KiB } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/errors.ts';
import { openInto, sealedOverhead, type SealingKey } from '../crypto/sealing-key.ts';
import { BlobDecompressor } from './blob-decompressor.ts';
import type { OpenRequest, ThreadAnswers } from './requests.ts';

/** Up to here one call for the whole costs less than one for each piece. */
const smallBytes = 64 * KiB;
const bufferBytes = 256 * KiB;

/** Memory that is used again, and grows as needed. */
class Scratch {
  private memory = Buffer.alloc(0);

  room(bytes: number): Buffer {
    if (this.memory.length < bytes) this.memory = Buffer.allocUnsafeSlow(Math.max(bytes, this.memory.length * 2));
    return this.memory.subarray(0, bytes);
  }
}

type Room = (bytes: number) => Uint8Array;

/** Opens sealed blobs: checks the seal, decrypts, decompresses and compares with the name. */
export class BlobOpener {
  private readonly key: SealingKey;
  private readonly decompressor = new BlobDecompressor();
  private readonly stored = new Scratch();
  private readonly plain = new Scratch();

  constructor(key: SealingKey) {
    this.key = key;
  }

  /** The plain bytes of a blob, checked. Throws what is wrong with it. */
  open(sealed: Uint8Array, id: Uint8Array, compressed: boolean): Uint8Array {
    return this.openTo(sealed, { id, compressed }, (bytes) => Buffer.allocUnsafeSlow(bytes));
  }

  /** Throws what is wrong with a blob. */
  check(sealed: Uint8Array, id: Uint8Array, compressed: boolean): void {
    this.openTo(sealed, { id, compressed }, (bytes) => this.plain.room(bytes));
  }

  /** The plain bytes of a blob, checked, and what was sealed: the same, or a zstd frame. Both valid until the next call. */
  openBoth(
    sealed: Uint8Array,
    id: Uint8Array,
    compressed: boolean,
  ): { readonly plain: Uint8Array; readonly stored: Uint8Array } {
    const plain = this.openTo(sealed, { id, compressed }, (bytes) => this.plain.room(bytes));
    return { plain, stored: compressed ? this.stored.room(sealed.length - sealedOverhead) : plain };
  }

  /** All blobs of a request. One that is damaged does not keep the others from being opened. */
  openAll({ sealed, places, ids, plain }: OpenRequest): ThreadAnswers['open'] {
    const gathered = new GatheredBlobs(places.length / 3, plain);
    const damaged: { blob: number; why: string }[] = [];
    for (let blob = 0; blob * 3 < places.length; blob += 1) {
      const [offset = 0, length = 0, compressed] = places.subarray(blob * 3, blob * 3 + 3);
      const id = ids.subarray(blob * 32, blob * 32 + 32);
      const part = sealed.subarray(offset, offset + length);
      try {
        this.openTo(part, { id, compressed: compressed === 1 }, (bytes) => gathered.room(blob, bytes));
      } catch (error) {
        damaged.push({ blob, why: messageOf(error) });
      }
    }
    return { buffers: gathered.buffers, places: gathered.places, damaged };
  }

  private openTo(
    sealed: Uint8Array,
    { id, compressed }: { readonly id: Uint8Array; readonly compressed: boolean },
    room: Room,
  ): Uint8Array {
    const storedBytes = Math.max(0, sealed.length - sealedOverhead);
    const isLarge = !compressed && storedBytes > smallBytes;
    const hashing = isLarge ? createHash('sha256') : undefined;
    const stored = compressed ? this.stored.room(storedBytes) : room(storedBytes);
    openInto(this.key, sealed, stored, (piece) => void hashing?.update(piece));
    const plain = compressed ? this.decompress(stored, room) : stored;
    const name = hashing ? hashing.digest() : hash('sha256', plain, 'buffer');
    if (!name.equals(id)) throw new RangeError('its content is not what its name says');
    return plain;
  }

  private decompress(frame: Uint8Array, room: Room): Uint8Array {
    try {
      return this.decompressor.decompress(frame, room);
    } catch (error) {
      throw new RangeError(`it can not be decompressed: ${messageOf(error)}`);
    }
  }
}

/** Memory for the plain blobs of one request: what was given, then buffers that are handed to another thread. */
class GatheredBlobs {
  readonly buffers: Uint8Array<ArrayBuffer>[] = [];
  readonly places: Uint32Array;
  private memory: Uint8Array;
  private used = 0;

  constructor(count: number, given: Uint8Array | undefined) {
    this.places = new Uint32Array(count * 3);
    this.memory = given ?? new Uint8Array(0);
  }

  room(blob: number, bytes: number): Uint8Array {
    if (this.used + bytes > this.memory.length) {
      const buffer = new Uint8Array(Math.max(bufferBytes, bytes));
      this.buffers.push(buffer);
      this.memory = buffer;
      this.used = 0;
    }
    this.places.set([this.buffers.length, this.used, bytes], blob * 3);
    this.used += bytes;
    return this.memory.subarray(this.used - bytes, this.used);
  }
}
