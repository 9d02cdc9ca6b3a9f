import { MiB } from '../../../base/bytes.ts';
import { forEachConcurrently } from '../../../base/concurrency.ts';
import { hasCode } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import type { BlobType, PackedBlob } from '../format/pack-header.ts';
import { indexWriterOf } from '../saving/index-writer.ts';
import { fileKey } from '../layout.ts';
import { planRanges } from '../reading/plan-ranges.ts';
import { readRange } from '../reading/read-range.ts';
import { SealedMemory } from '../reading/sealed-memory.ts';
import type { Repository } from '../repository.ts';
import { PackAssembler } from '../saving/pack-assembler.ts';
import { PackMemory } from '../saving/pack-memory.ts';
import { ThreadPool } from '../threads/thread-pool.ts';
import type { ThreadAnswers } from '../threads/requests.ts';

/** So many ranges of packs are read and taken over at once. */
const rangesAtOnce = 6;
const rangeBytes = 12 * MiB;
const mostBlobs = 4096;
const usualPackBytes = 16 * MiB;

/** The blobs of one pack that are to be taken over: entries in the index of the repository that they come from. */
export interface PackSelection {
  readonly pack: number;
  readonly entries: readonly number[];
}

export interface TransferOptions {
  readonly from: Repository;
  /** Where they go: the same repository, or another. New packs are added to its index. */
  readonly to: Repository;
  /** A pack that has reached it is full. Default: 16 MiB. */
  readonly packSizeBytes?: number;
  /** zstd's level for what is not compressed yet; undefined to leave contents as they are. */
  readonly compressionLevel?: number | undefined;
  /** Compress what is not compressed yet, though it could be taken over as it is. */
  readonly recompress?: boolean;
  /** Threads that were started before, with the same options; they are ended. */
  readonly threads?: TransferThreads | undefined;
  readonly signal: AbortSignal;
  /** Told of each blob that was taken over, with its size in the new pack. */
  readonly onBlobs?: (count: number, bytes: number) => void;
  /** Told of each blob that is damaged; it is left out. Without it that is thrown. */
  readonly onDamaged?: (entry: number, why: string) => void;
}

/** Threads that take blobs over into packs of a repository, and the memory of these packs. */
export interface TransferThreads {
  readonly pool: ThreadPool;
  readonly memory: PackMemory;
}

export function startTransferThreads({
  to,
  packSizeBytes = usualPackBytes,
  compressionLevel,
}: Pick<TransferOptions, 'to' | 'packSizeBytes' | 'compressionLevel'>): TransferThreads {
  const memory = new PackMemory(packSizeBytes);
  const pool = new ThreadPool({
    key: to.key,
    compresses: to.config.version > 1,
    compressionLevel,
    slabs: new SharedArrayBuffer(0),
    packs: memory.packs,
    packsUsed: memory.used,
    packsDigest: memory.digests,
  });
  return { pool, memory };
}

interface Waiting {
  readonly entry: number;
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly type: BlobType;
}

interface Range {
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly Waiting[];
}

/**
 * Takes sealed blobs over into new packs. Threads check each against its seal and its name; within one repository the
 * sealed bytes are then copied as they are. When it resolves, the new packs are durable and in durable indexes.
 */
export async function transferBlobs(selections: Iterable<PackSelection>, options: TransferOptions): Promise<void> {
  const { to, from, packSizeBytes = usualPackBytes, signal } = options;
  const { pool: threads, memory } = options.threads ?? startTransferThreads(options);
  const indexWriter = indexWriterOf(to);
  const stop = new AbortController();
  const abort = AbortSignal.any([signal, stop.signal]);
  const packs = new PackAssembler({
    clock: to.clock,
    storeOf: (type) => to.packStore(type),
    threads,
    memory,
    packSizeBytes,
    durable: true,
    signal: abort,
    onStored: (pack) => indexWriter.add(pack),
    onFailed: (error) => stop.abort(error),
  });
  const ranges = new SealedMemory(rangesAtOnce, rangeBytes);
  const parts = { options: { ...options, signal: abort }, threads, packs };
  try {
    await forEachConcurrently(rangesOf(from, selections), rangesAtOnce, (range) =>
      ranges.use(range.length, (sealed) => takeRange(range, sealed, parts)),
    );
    await packs.flush();
    await to.assertLocksHeld();
    await indexWriter.flush(abort);
  } catch (error) {
    packs.fail(error);
    await packs.settled();
    // Somebody may have deleted the packs since, where the lock is lost.
    if (!hasCode(error, 'vault/lock-lost')) await indexWriter.flush().catch(() => {}); // the packs stay without an index; a prune removes them
    throw error;
  } finally {
    await threads.close();
  }
}

/** What is wanted of the packs, neighbours together, and data and trees apart. */
function* rangesOf({ index }: Repository, selections: Iterable<PackSelection>): Generator<Range> {
  for (const { pack, entries } of selections) {
    const blobs = entries.map((entry): Waiting => {
      const { offset, length } = index.place(entry);
      return { entry, pack, offset, length, type: index.typeOf(entry) };
    });
    for (const type of ['data', 'tree'] as const)
      for (const { blobs: near } of planRanges(
        blobs.filter((blob) => blob.type === type),
        rangeBytes,
      ))
        for (let at = 0; at < near.length; at += mostBlobs) yield rangeOf(near.slice(at, at + mostBlobs));
  }
}

function rangeOf(blobs: readonly Waiting[]): Range {
  const offset = blobs[0]?.offset ?? 0;
  const end = blobs.reduce((last, blob) => Math.max(last, blob.offset + blob.length), 0);
  return { offset, length: end - offset, blobs };
}

interface Parts {
  readonly options: TransferOptions;
  readonly threads: ThreadPool;
  readonly packs: PackAssembler;
}

async function takeRange(range: Range, sealed: Uint8Array, parts: Parts): Promise<void> {
  const { from, signal, onDamaged } = parts.options;
  const { offset, length, blobs } = range;
  const packId = from.index.packId(blobs[0]?.pack ?? -1);
  signal.throwIfAborted();
  try {
    await readRange(from.packStore(blobs[0]?.type ?? 'data'), { packId, offset, length }, { memory: sealed, signal });
  } catch (error) {
    if (!onDamaged || !isLost(error)) throw error;
    if (blobs.length === 1) onDamaged(blobs[0]?.entry ?? -1, error.message);
    else for (const blob of blobs) await takeRange(rangeOf([blob]), sealed.subarray(0, blob.length), parts);
    return;
  }
  await takeBlobs(range, sealed, parts);
}

async function takeBlobs({ offset, blobs }: Range, sealed: Uint8Array, parts: Parts): Promise<void> {
  const { options, threads, packs } = parts;
  const { from, to, onBlobs, recompress = false, compressionLevel } = options;
  const type = blobs[0]?.type ?? 'data';
  const boundBytes = blobs.reduce((sum, blob) => sum + boundOf(from, blob.entry), 0);
  const room = await packs.reserve(type, boundBytes);
  let taken: PackedBlob[] = [];
  try {
    const answer = await threads.run({
      op: 'transfer',
      from: from.key === to.key ? undefined : from.key,
      recompress: recompress && (type === 'tree' || compressionLevel !== undefined),
      type,
      pack: room.pack.number,
      sealed,
      ...addressesOf(from, blobs, offset),
    });
    taken = packedOf(from, blobs, answer);
    for (const { blob, why } of answer.damaged) tellDamaged(options, blobs[blob]?.entry ?? -1, why);
  } finally {
    packs.settle(room, taken);
  }
  onBlobs?.(
    taken.length,
    taken.reduce((sum, blob) => sum + blob.length, 0),
  );
}

function tellDamaged({ from, onDamaged }: TransferOptions, entry: number, why: string): void {
  if (!onDamaged) throw damagedBlob(from, entry, why);
  onDamaged(entry, why);
}

function isLost(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'vault/truncated' || code === 'vault/missing-object';
}

/** A blob that is sealed anew may be compressed, and a tree may grow by that. */
function boundOf({ index }: Repository, entry: number): number {
  const length = index.lengthOf(entry);
  return length + (length >> 8) + 128;
}

function addressesOf(
  { index }: Repository,
  blobs: readonly Waiting[],
  start: number,
): { places: Uint32Array; ids: Uint8Array } {
  const ids = Buffer.allocUnsafeSlow(blobs.length * 32);
  const places = new Uint32Array(blobs.length * 3);
  for (const [at, { entry, offset, length }] of blobs.entries()) {
    index.blobOf(entry).id.copy(ids, at * 32);
    places.set([offset - start, length, index.isCompressed(entry) ? 1 : 0], at * 3);
  }
  return { places, ids };
}

function packedOf(
  { index }: Repository,
  blobs: readonly Waiting[],
  { places }: ThreadAnswers['transfer'],
): PackedBlob[] {
  return blobs.flatMap(({ entry, type }, at): PackedBlob[] => {
    const [offset = 0, length = 0, rawLength = 0] = places.subarray(at * 3, at * 3 + 3);
    if (length === 0) return [];
    const id = index.blobOf(entry).id.toString('hex');
    return [{ type, id, offset, length, ...(rawLength > 0 && { rawLength }) }];
  });
}

function damagedBlob({ index }: Repository, entry: number, why: string): Error {
  const { packId } = index.place(entry);
  const { type, id } = index.blobOf(entry);
  return vaultError('corrupt', {
    message: `The ${type} blob ${id.toString('hex')} in the pack "${fileKey('data', packId)}" is damaged: ${why}`,
    hint: 'Put the pack back from a copy; else "holdfast repair packs" saves what is left of it.',
    context: { pack: packId },
  });
}
