/** What each thread of a pool runs: it takes requests one by one, and answers each. */
import { createHash, hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { HoldfastError, messageOf } from '../../../base/errors.ts';
import { readKnownFile } from '../../../base/known-file.ts';
import { sealedOverhead, sealInto, type SealingKey } from '../crypto/sealing-key.ts';
import type { BlobType } from '../format/pack-header.ts';
import { BlobCompressor } from './blob-compressor.ts';
import { BlobOpener } from './blob-opener.ts';
import { BlobPacker, type PackedContent } from './blob-packer.ts';
import { checkPack } from './check-pack.ts';
import type {
  BlobContents,
  Envelope,
  FinishRequest,
  HashRequest,
  Introduction,
  ReadRequest,
  Reply,
  SealRequest,
} from './requests.ts';
import type { ThreadAnswers, ThreadData, ThreadRequest, TransferRequest } from './requests.ts';

/** What a thread works with. */
interface Tools {
  readonly key: SealingKey;
  readonly slabs: readonly Buffer[];
  readonly packs: readonly SharedArrayBuffer[];
  readonly used: Uint32Array;
  readonly opener: BlobOpener;
  readonly compresses: boolean;
  readonly packer: BlobPacker | undefined;
}

/** There before the first request: the thread starts, and waits, while the key is derived. */
let tools: Tools;

function begin({ key, compresses, compressionLevel, slabs, packs, packsUsed }: ThreadData): void {
  const compressor = compresses ? new BlobCompressor(compressionLevel ?? 3) : undefined;
  tools = {
    key,
    slabs: slabs.map((memory) => Buffer.from(memory)),
    packs,
    used: new Uint32Array(packsUsed),
    opener: new BlobOpener(key),
    compresses,
    packer: compressor && new BlobPacker(compressor, compressionLevel !== undefined),
  };
}

const none = new Uint8Array(0);

/** The parts of each blob, where they lie. */
function partsOfEach(blobs: BlobContents): Uint8Array[][] {
  if (!(blobs instanceof Uint32Array)) return blobs.map((bytes) => [bytes]);
  const each: Uint8Array[][] = [];
  for (let at = 0; at < blobs.length;) {
    const parts: Uint8Array[] = [];
    for (let left = blobs[at++] ?? 0; left > 0; left -= 1) {
      const [slab = 0, offset = 0, length = 0] = [blobs[at++], blobs[at++], blobs[at++]];
      parts.push((tools.slabs[slab] as Buffer).subarray(offset, offset + length));
    }
    each.push(parts);
  }
  return each;
}

function digestOf(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) return hash('sha256', first, 'buffer');
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
}

function hashAll({ blobs }: HashRequest): Uint8Array {
  const contents = partsOfEach(blobs);
  const ids = new Uint8Array(contents.length * 32);
  for (const [index, parts] of contents.entries()) ids.set(digestOf(parts), index * 32);
  return ids;
}

function readAll({ blobs, paths, states }: ReadRequest): ThreadAnswers['read'] {
  const odd: number[] = [];
  const contents = partsOfEach(blobs);
  const ids = new Uint8Array(contents.length * 32);
  let pathStart = 0;
  for (const [index, [content = none]] of contents.entries()) {
    const pathEnd = paths.indexOf(0, pathStart);
    const [inode = 0n, mtimeNs = 0n, ctimeNs = 0n] = states.subarray(index * 3, index * 3 + 3);
    const location = paths.subarray(pathStart, pathEnd);
    const file = { location, inode: BigInt.asUintN(64, inode), sizeBytes: content.length, mtimeNs, ctimeNs };
    if (readKnownFile(file, content)) ids.set(digestOf([content]), index * 32);
    else odd.push(index);
    pathStart = pathEnd + 1;
  }
  return { ids, odd };
}

const packed = (type: BlobType, plain: readonly Uint8Array[]): PackedContent =>
  tools.packer?.pack(type, plain) ?? { parts: plain, rawLength: 0 };

/** Compressed, encrypted and authenticated, one behind the other in the pack; each takes its place by itself. */
function sealAll({ type, blobs, pack }: SealRequest): Uint32Array {
  const contents = partsOfEach(blobs);
  const places = new Uint32Array(contents.length * 3);
  for (const [index, parts] of contents.entries()) {
    places.set(appendSealed(pack, packed(type, parts)), index * 3);
  }
  return places;
}

/** Seals a content behind the others of a pack; returns where it begins, its length there, and its plain one. */
function appendSealed(pack: number, { parts, rawLength }: PackedContent): number[] {
  const length = parts.reduce((sum, part) => sum + part.length, sealedOverhead);
  const { memory, offset } = append(pack, length);
  sealInto(tools.key, parts, memory, offset);
  return [offset, length, rawLength];
}

function finish({ pack, header }: FinishRequest): ThreadAnswers['finish'] {
  const memory = new Uint8Array(tools.packs[pack] as SharedArrayBuffer);
  const blobBytes = tools.used[pack] ?? 0;
  const headerBytes = sealInto(tools.key, [header], memory, blobBytes);
  const sizeBytes = blobBytes + headerBytes + 4;
  new DataView(memory.buffer).setUint32(sizeBytes - 4, headerBytes, true);
  return { id: createHash('sha256').update(memory.subarray(0, sizeBytes)).digest('hex'), sizeBytes };
}

/** Gives a stored blob its place behind the others of a pack. */
function append(pack: number, length: number): { readonly memory: Uint8Array; readonly offset: number } {
  return {
    memory: new Uint8Array(tools.packs[pack] as SharedArrayBuffer),
    offset: Atomics.add(tools.used, pack, length),
  };
}

/** Takes over blobs that are sound, as they are where that can be. */
function transferAll({ from, recompress, type, pack, ...sealed }: TransferRequest): ThreadAnswers['transfer'] {
  const source = from ? openerFor(from) : tools.opener;
  const places = new Uint32Array(sealed.places.length);
  const damaged: { blob: number; why: string }[] = [];
  for (let blob = 0; blob * 3 < places.length; blob += 1) {
    const [start = 0, size = 0, isCompressed] = sealed.places.subarray(blob * 3, blob * 3 + 3);
    const bytes = sealed.sealed.subarray(start, start + size);
    try {
      const opened = source.openBoth(bytes, sealed.ids.subarray(blob * 32, blob * 32 + 32), isCompressed === 1);
      places.set(
        from || (recompress && isCompressed !== 1)
          ? sealAnew(opened, { type, pack, compressed: isCompressed === 1 })
          : takeOver(bytes, pack, isCompressed === 1 ? opened.plain.length : 0),
        blob * 3,
      );
    } catch (error) {
      damaged.push({ blob, why: messageOf(error) });
    }
  }
  return { places, damaged };
}

function takeOver(sealed: Uint8Array, pack: number, rawLength: number): number[] {
  const { memory, offset } = append(pack, sealed.length);
  memory.set(sealed, offset);
  return [offset, sealed.length, rawLength];
}

/** A frame that was compressed before stays as it is, where the repository may have such. */
function sealAnew(
  { plain, stored }: { readonly plain: Uint8Array; readonly stored: Uint8Array },
  { type, pack, compressed }: { readonly type: BlobType; readonly pack: number; readonly compressed: boolean },
): number[] {
  if (compressed && tools.compresses) return appendSealed(pack, { parts: [stored], rawLength: plain.length });
  return appendSealed(pack, packed(type, [plain]));
}

const openers = new Map<string, BlobOpener>();

function openerFor(other: SealingKey): BlobOpener {
  const name = Buffer.from(other.macR).toString('latin1');
  const known = openers.get(name) ?? new BlobOpener(other);
  openers.set(name, known);
  return known;
}

type Answer = ThreadAnswers[ThreadRequest['op']];

const work: { readonly [Op in ThreadRequest['op']]: (request: Extract<ThreadRequest, { op: Op }>) => Answer } = {
  hash: hashAll,
  read: readAll,
  seal: sealAll,
  finish,
  open: (request) => tools.opener.openAll(request),
  transfer: transferAll,
  'check-pack': (request) => checkPack(tools.opener, tools.key, request),
};

function reply({ job, request }: Envelope): Reply {
  try {
    return { job, answer: (work[request.op] as (request: ThreadRequest) => Answer)(request) };
  } catch (error) {
    return { job, failure: { code: error instanceof HoldfastError ? error.code : '', message: messageOf(error) } };
  }
}

/** Memory that is handed over instead of copied. */
const transferOf = ({ answer }: Reply): ArrayBuffer[] =>
  answer && 'buffers' in answer ? answer.buffers.map(({ buffer }) => buffer) : [];

parentPort?.on('message', (received: Introduction | Envelope) => {
  if ('data' in received) return begin(received.data);
  const message = reply(received);
  parentPort?.postMessage(message, transferOf(message));
});
