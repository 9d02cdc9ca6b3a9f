import { KiB, MiB } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { fileKey } from '../layout.ts';
import { missingBlob } from '../missing-blob.ts';
import type { Repository } from '../repository.ts';
import { startReadingPool } from '../threads/reading-pool.ts';
import type { ThreadPool } from '../threads/thread-pool.ts';
import { type PlannedRange, type Placed, planRanges } from './plan-ranges.ts';
import { readRange } from './read-range.ts';
import { PlainMemory, SealedMemory } from './sealed-memory.ts';

/** So many ranges are read or opened at once. */
const rangesAtOnce = 4;
/** Most packs are one range: each request costs a store as much as a megabyte or two. */
const rangeBytes = 20 * MiB;
/** Blobs of a range are opened together up to here, while more of the range comes. A larger one is opened alone. */
const openedBytes = 4 * MiB;
/** Memory for plain bytes of what is opened together and not small: such memory is used again. */
const plainPieces = 16;
const plainBytes = 8 * MiB;
const smallBytes = 256 * KiB;
/** Blobs are asked for together, so that neighbours are found among them: a range of them, or up to where a pack ends. */
const batchBytes = rangeBytes;
const batchBlobs = 512;
/** Fewer bytes are not asked for by themselves because another pack begins. */
const leastBatchBytes = 4 * MiB;
/** Blobs of two packs alternate where one ends and the next begins. */
const alternating = 4;

/** A data blob that somebody will take. */
export interface WantedBlob extends Placed {
  readonly id: string;
  readonly compressed: boolean;
  /** About how many plain bytes it has. */
  readonly costBytes: number;
  /** How many will take it; nobody reads it for nobody. */
  takers: number;
  asked: boolean;
  /** The plain bytes, or what was wrong; neither before they are there. */
  plain?: Uint8Array;
  failure?: { readonly error: unknown };
  /** Made for who asks before. */
  waiting?: PromiseWithResolvers<Uint8Array>;
  /** Gives back the memory of the plain bytes. */
  release?: () => void;
}

/** Blobs of a range, in the order of their offsets, that are opened together. */
interface BlobGroup {
  readonly blobs: WantedBlob[];
  /** Where the last one ends in the pack. */
  end: number;
  costBytes: number;
}

/** What was read of a pack, from `offset` on. */
interface ReadPart {
  readonly packId: string;
  readonly offset: number;
  readonly sealed: Uint8Array;
}

/**
 * Data blobs on their way from packs to who wants them: neighbours are read together, threads open them, and what
 * is wrong with one is thrown to who takes it. What has been wanted must be dropped. Not for concurrent use.
 */
export class BlobReader {
  /** Plain bytes, about, that were wanted and not dropped. */
  waitingBytes = 0;
  private readonly repository: Repository;
  private readonly signal: AbortSignal;
  private readonly memory = new SealedMemory(rangesAtOnce, rangeBytes);
  private readonly plainMemory = new PlainMemory(plainPieces, plainBytes);
  private readonly wanted = new Map<string, WantedBlob>();
  private batch: WantedBlob[] = [];
  private batchSize = 0;
  private pool: ThreadPool | undefined;
  private readonly working = new Set<Promise<void>>();
  private readonly stop = new AbortController();

  constructor(repository: Repository, signal: AbortSignal) {
    this.repository = repository;
    this.signal = AbortSignal.any([signal, this.stop.signal]);
  }

  /** Announces that a blob will be taken. `plainBytes` is about its size. */
  want(id: string, plainBytes: number): WantedBlob {
    const known = this.wanted.get(id);
    if (known) {
      known.takers += 1;
      return known;
    }
    const blob = this.find(id, plainBytes);
    this.wanted.set(id, blob);
    this.waitingBytes += blob.costBytes;
    if (!blob.asked) this.addToBatch(blob);
    return blob;
  }

  /** The plain bytes of a wanted blob, until it is dropped. vault/missing-object, vault/truncated, vault/corrupt. */
  take(blob: WantedBlob): Promise<Uint8Array> {
    const plain = this.ready(blob);
    if (plain) return Promise.resolve(plain);
    if (blob.failure) return Promise.reject(blob.failure.error);
    blob.waiting ??= Promise.withResolvers();
    return blob.waiting.promise;
  }

  /** The same where they are there already. */
  ready(blob: WantedBlob): Uint8Array | undefined {
    if (!blob.asked) this.ask();
    return blob.plain;
  }

  /** Says that a wanted blob is not, or no longer, needed. Once for each `want`. */
  drop(blob: WantedBlob): void {
    blob.takers -= 1;
    if (blob.takers > 0) return;
    this.wanted.delete(blob.id);
    this.waitingBytes -= blob.costBytes;
    blob.release?.();
  }

  /** Ends the threads, and what is under way. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.pool?.close();
    await Promise.all(this.working);
  }

  private find(id: string, plainBytes: number): WantedBlob {
    const { index } = this.repository;
    const entry = index.find('data', Buffer.from(id, 'hex'));
    if (entry < 0) {
      const nowhere = { pack: -1, offset: 0, length: 0, compressed: false };
      return { id, ...nowhere, costBytes: 0, takers: 1, asked: true, failure: { error: missingBlob('data', id) } };
    }
    const { offset, length, compressed } = index.place(entry);
    const pack = index.packOf(entry);
    return { id, pack, offset, length, compressed, costBytes: plainBytes, takers: 1, asked: false };
  }

  private addToBatch(blob: WantedBlob): void {
    const isOfOtherPack = this.batch.slice(-alternating).every(({ pack }) => pack !== blob.pack);
    if (isOfOtherPack && this.batchSize >= leastBatchBytes) this.ask();
    this.batch.push(blob);
    this.batchSize += blob.costBytes;
    if (this.batchSize >= batchBytes || this.batch.length >= batchBlobs) this.ask();
  }

  private ask(): void {
    const batch = this.batch;
    this.batch = [];
    this.batchSize = 0;
    for (const blob of batch) blob.asked = true;
    for (const range of planRanges(
      batch.filter(({ takers }) => takers > 0),
      rangeBytes,
    ))
      this.start(this.fetch(range));
  }

  private start(work: Promise<void>): void {
    const done: Promise<void> = work.finally(() => this.working.delete(done));
    this.working.add(done);
  }

  /** Never rejects: what goes wrong is thrown to who takes the blobs. */
  private async fetch(range: PlannedRange<WantedBlob>): Promise<void> {
    try {
      await this.memory.use(range.length, async (memory) => {
        if (range.blobs.every(({ takers }) => takers === 0)) return;
        await this.open(range, memory);
      });
    } catch (error) {
      const left = range.blobs.filter(({ plain, failure }) => !plain && !failure);
      const canSplit = range.blobs.length > 1 && hasCode(error, 'vault/truncated');
      if (!canSplit) for (const blob of left) fail(blob, error);
      else {
        const alone = left.map((blob) => ({ offset: blob.offset, length: blob.length, blobs: [blob] }));
        await Promise.all(alone.map((one) => this.fetch(one)));
      }
    }
  }

  /** Reads a range; what is there of it is opened while more comes. */
  private async open({ offset, length, blobs }: PlannedRange<WantedBlob>, sealed: Uint8Array): Promise<void> {
    const { index, store } = this.repository;
    const packId = index.packId(blobs[0]?.pack ?? -1);
    const groups = groupBlobs(blobs);
    const opening: Promise<void>[] = [];
    const onBytes = (bytes: number): void => {
      for (let group = groups[opening.length]; group; group = groups[opening.length]) {
        if (group.end > offset + bytes) return;
        opening.push(this.openGroup(group, { packId, sealed: sealed.subarray(0, group.end - offset), offset }));
      }
    };
    try {
      await readRange(store, { packId, offset, length }, { memory: sealed, signal: this.signal, onBytes });
    } finally {
      await Promise.all(opening);
    }
  }

  /** Has a thread open blobs that `sealed`, which begins at `offset` of their pack, holds. Never rejects. */
  private async openGroup({ blobs, costBytes }: BlobGroup, { packId, sealed, offset }: ReadPart): Promise<void> {
    const piece = costBytes < smallBytes ? undefined : this.plainMemory.tryTake();
    const plain = piece && new Uint8Array(piece);
    try {
      this.pool ??= startReadingPool(this.repository);
      const opened = await this.pool.run({ op: 'open', sealed, ...addressesOf(blobs, offset), plain });
      if (piece) this.releaseWith(piece, blobs);
      for (const { blob: at, why } of opened.damaged) {
        const blob = blobs[at];
        if (blob) fail(blob, damagedBlob(blob.id, packId, why));
      }
      const memories = [plain, ...opened.buffers];
      for (const [at, blob] of blobs.entries()) {
        const [number = 0, begin = 0, size = 0] = opened.places.subarray(at * 3, at * 3 + 3);
        settle(blob, memories[number]?.subarray(begin, begin + size) ?? new Uint8Array(0));
      }
    } catch (error) {
      for (const blob of blobs) fail(blob, error);
    }
  }

  /** A piece of memory is free when the last of the blobs in it has been dropped. */
  private releaseWith(piece: SharedArrayBuffer, blobs: readonly WantedBlob[]): void {
    const held = blobs.filter(({ takers }) => takers > 0);
    let holders = held.length;
    const release = (): void => {
      holders -= 1;
      if (holders === 0) this.plainMemory.release(piece);
    };
    for (const blob of held) blob.release = release;
    if (holders === 0) this.plainMemory.release(piece);
  }
}

function groupBlobs(blobs: readonly WantedBlob[]): BlobGroup[] {
  const groups: BlobGroup[] = [];
  for (const blob of blobs) {
    const end = blob.offset + blob.length;
    const last = groups.at(-1);
    if (last && last.costBytes + blob.costBytes <= openedBytes) {
      last.blobs.push(blob);
      last.end = Math.max(last.end, end);
      last.costBytes += blob.costBytes;
    } else groups.push({ blobs: [blob], end, costBytes: blob.costBytes });
  }
  return groups;
}

function settle(blob: WantedBlob, plain: Uint8Array): void {
  if (blob.failure) return;
  blob.plain = plain;
  blob.waiting?.resolve(plain);
}

function fail(blob: WantedBlob, error: unknown): void {
  if (blob.plain || blob.failure) return;
  blob.failure = { error };
  blob.waiting?.reject(error);
}

/** Where the blobs are in a range that begins at `offset` of their pack, and their names. */
function addressesOf(blobs: readonly WantedBlob[], offset: number): { places: Uint32Array; ids: Uint8Array } {
  const ids = Buffer.allocUnsafeSlow(blobs.length * 32);
  const places = new Uint32Array(blobs.length * 3);
  for (const [at, blob] of blobs.entries()) {
    ids.write(blob.id, at * 32, 'hex');
    places.set([blob.offset - offset, blob.length, blob.compressed ? 1 : 0], at * 3);
  }
  return { places, ids };
}

const damagedBlob = (id: string, packId: string, why: string): Error =>
  vaultError('corrupt', {
    message: `The data blob ${id} in the pack "${fileKey('data', packId)}" is damaged: ${why}`,
    hint: 'Put the pack back from a copy; else "holdfast repair packs" saves what is left of it. "holdfast check --read-data" tells of others.',
    context: { id, pack: packId },
  });
