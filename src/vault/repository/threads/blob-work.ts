import { hash } from 'node:crypto';
import { messageOf } from '../../../base/errors.ts';
import { readKnownFile } from '../../../base/known-file.ts';
import { sealedOverhead, sealInto, type SealingKey } from '../crypto/sealing-key.ts';
import type { BlobType } from '../format/pack-header.ts';
import { BlobCompressor } from './blob-compressor.ts';
import { writeDigest } from './blob-digest.ts';
import { BlobOpener } from './blob-opener.ts';
import { BlobPacker, type PackedContent } from './blob-packer.ts';
import { checkPack } from './check-pack.ts';
import { digestStateBytes, packDigest } from './pack-digest.ts';
import type { BlobContents, DigestRequest, FinishRequest, HashRequest, ReadRequest, SealRequest } from './requests.ts';
import type { ThreadAnswers, ThreadData, ThreadRequest, TransferRequest } from './requests.ts';

type Answer = ThreadAnswers[ThreadRequest['op']];

type Work = { readonly [Op in ThreadRequest['op']]: (request: Extract<ThreadRequest, { op: Op }>) => Answer };

const none = new Uint8Array(0);

/** What a thread does, with the memory and the key that it is given at its start. */
export class BlobWork {
  private readonly key: SealingKey;
  private readonly slabs: Buffer;
  private readonly packs: readonly Uint8Array[];
  private readonly used: Uint32Array;
  private readonly digests: Uint8Array;
  private readonly compressor: BlobCompressor | undefined;
  private readonly packer: BlobPacker | undefined;
  private readonly opener: BlobOpener;
  private readonly openers = new Map<string, BlobOpener>();

  private readonly work: Work = {
    hash: (request) => this.hashAll(request),
    read: (request) => this.readAll(request),
    seal: (request) => this.sealAll(request),
    digest: (request) => this.digest(request),
    finish: (request) => this.finish(request),
    open: (request) => this.opener.openAll(request),
    transfer: (request) => this.transferAll(request),
    'check-pack': (request) => checkPack(this.opener, this.key, request),
  };

  constructor({ key, compresses, compressionLevel, slabs, packs, packsUsed, packsDigest }: ThreadData) {
    this.key = key;
    this.slabs = Buffer.from(slabs);
    this.packs = packs.map((memory) => new Uint8Array(memory)); // as long as the memory, also when that has grown
    this.used = new Uint32Array(packsUsed);
    this.digests = new Uint8Array(packsDigest);
    this.compressor = compresses ? new BlobCompressor(compressionLevel ?? 3) : undefined;
    this.packer = this.compressor && new BlobPacker(this.compressor, compressionLevel !== undefined);
    this.opener = new BlobOpener(key);
  }

  /** The answer to a request. Throws when there is none. */
  answer(request: ThreadRequest): Answer {
    return (this.work[request.op] as (request: ThreadRequest) => Answer)(request);
  }

  /** The parts of each blob, where they lie. */
  private partsOfEach(blobs: BlobContents): Uint8Array[][] {
    if (!(blobs instanceof Uint32Array)) return blobs.map((bytes) => [bytes]);
    const each: Uint8Array[][] = [];
    for (let at = 0; at < blobs.length;) {
      const parts: Uint8Array[] = [];
      for (let left = blobs[at++] ?? 0; left > 0; left -= 1) {
        const offset = blobs[at] as number;
        parts.push(this.slabs.subarray(offset, offset + (blobs[at + 1] as number)));
        at += 2;
      }
      each.push(parts);
    }
    return each;
  }

  private hashAll({ blobs }: HashRequest): Uint8Array {
    const contents = this.partsOfEach(blobs);
    const ids = new Uint8Array(contents.length * 32);
    for (const [index, parts] of contents.entries()) writeDigest(parts, ids, index * 32);
    return ids;
  }

  private readAll({ blobs, paths, states }: ReadRequest): ThreadAnswers['read'] {
    const odd: number[] = [];
    const contents = this.partsOfEach(blobs);
    const ids = new Uint8Array(contents.length * 32);
    let pathStart = 0;
    for (const [index, parts] of contents.entries()) {
      const pathEnd = paths.indexOf(0, pathStart);
      const [content = none] = parts;
      const file = {
        location: paths.subarray(pathStart, pathEnd),
        inode: BigInt.asUintN(64, states[index * 3] as bigint),
        sizeBytes: content.length,
        mtimeNs: states[index * 3 + 1] as bigint,
        ctimeNs: states[index * 3 + 2] as bigint,
      };
      if (readKnownFile(file, content)) writeDigest(parts, ids, index * 32);
      else odd.push(index);
      pathStart = pathEnd + 1;
    }
    return { ids, odd };
  }

  private packed(type: BlobType, plain: readonly Uint8Array[]): PackedContent {
    return this.packer ? this.packer.pack(type, plain) : { parts: plain, rawLength: 0 };
  }

  /** Compressed, encrypted and authenticated, one behind the other in the pack; each takes its place by itself. */
  private sealAll({ type, blobs, pack }: SealRequest): Uint32Array {
    const contents = this.partsOfEach(blobs);
    const places = new Uint32Array(contents.length * 3);
    for (const [index, parts] of contents.entries())
      this.appendSealed(pack, this.packed(type, parts), { places, at: index * 3 });
    return places;
  }

  /** Seals a content behind the others of a pack, and tells `places` where it begins, its length there, and its plain one. */
  private appendSealed(pack: number, { parts, rawLength }: PackedContent, told: TellPlace): void {
    let length = sealedOverhead;
    for (const part of parts) length += part.length;
    const offset = this.append(pack, length);
    sealInto(this.key, parts, this.packs[pack] as Uint8Array, offset);
    tell(told, offset, length, rawLength);
  }

  private digest({ pack, offset, length }: DigestRequest): undefined {
    const bytes = (this.packs[pack] as Uint8Array).subarray(offset, offset + length);
    packDigest?.add(this.digestState(pack), bytes, offset === 0);
  }

  private digestState(pack: number): Uint8Array {
    return this.digests.subarray(pack * digestStateBytes, (pack + 1) * digestStateBytes);
  }

  private finish({ pack, header, digested }: FinishRequest): ThreadAnswers['finish'] {
    const memory = this.packs[pack] as Uint8Array;
    const blobBytes = this.used[pack] ?? 0;
    const headerBytes = sealInto(this.key, [header], memory, blobBytes);
    const sizeBytes = blobBytes + headerBytes + 4;
    new DataView(memory.buffer).setUint32(sizeBytes - 4, headerBytes, true);
    if (digested === 0) return { id: hash('sha256', memory.subarray(0, sizeBytes), 'hex'), sizeBytes };
    this.digest({ op: 'digest', pack, offset: digested, length: sizeBytes - digested });
    return { id: packDigest?.end(this.digestState(pack)) ?? '', sizeBytes };
  }

  /** Gives a stored blob its place behind the others of a pack. */
  private append(pack: number, length: number): number {
    return Atomics.add(this.used, pack, length);
  }

  /** Takes over blobs that are sound, as they are where that can be. */
  private transferAll({ from, recompress, type, pack, ...sealed }: TransferRequest): ThreadAnswers['transfer'] {
    const source = from ? this.openerFor(from) : this.opener;
    const places = new Uint32Array(sealed.places.length);
    const damaged: { blob: number; why: string }[] = [];
    for (let blob = 0; blob * 3 < places.length; blob += 1) {
      const [start = 0, size = 0, isCompressed] = sealed.places.subarray(blob * 3, blob * 3 + 3);
      const bytes = sealed.sealed.subarray(start, start + size);
      const told = { places, at: blob * 3 };
      try {
        const opened = source.openBoth(bytes, sealed.ids.subarray(blob * 32, blob * 32 + 32), isCompressed === 1);
        if (from || (recompress && isCompressed !== 1))
          this.appendSealed(pack, this.packedAnew(opened, type, isCompressed === 1), told);
        else this.takeOver(bytes, pack, isCompressed === 1 ? opened.plain.length : 0, told);
      } catch (error) {
        damaged.push({ blob, why: messageOf(error) });
      }
    }
    return { places, damaged };
  }

  private takeOver(sealed: Uint8Array, pack: number, rawLength: number, told: TellPlace): void {
    const offset = this.append(pack, sealed.length);
    this.packs[pack]?.set(sealed, offset);
    tell(told, offset, sealed.length, rawLength);
  }

  /** A frame that was compressed before stays as it is, where the repository may have such. */
  private packedAnew({ plain, stored }: OpenedBlob, type: BlobType, compressed: boolean): PackedContent {
    return compressed && this.compressor ? { parts: [stored], rawLength: plain.length } : this.packed(type, [plain]);
  }

  private openerFor(other: SealingKey): BlobOpener {
    const name = Buffer.from(other.macR).toString('latin1');
    const known = this.openers.get(name) ?? new BlobOpener(other);
    this.openers.set(name, known);
    return known;
  }
}

interface OpenedBlob {
  readonly plain: Uint8Array;
  readonly stored: Uint8Array;
}

/** Three numbers of `places`, from `at` on. */
interface TellPlace {
  readonly places: Uint32Array;
  readonly at: number;
}

function tell({ places, at }: TellPlace, offset: number, length: number, rawLength: number): void {
  places[at] = offset;
  places[at + 1] = length;
  places[at + 2] = rawLength;
}
