import { setImmediate } from 'node:timers/promises';
import type { Repository } from '../repository.ts';
import { encodeLargeIndex, type IndexedPack } from '../format/index-file.ts';
import type { PackedBlob } from '../format/pack-header.ts';
import type { BlobIndex } from '../blob-index.ts';

/** An index file holds at most about so many blobs. */
const fullBlobs = 50_000;
/** After so long what was stored is indexed all the same: should the run die, the next one need not send it again. */
const flushAfterMs = 5 * 60_000;

const writers = new WeakMap<Repository, IndexWriter>();

/**
 * The writer of a repository, for all who save into it at once: what one finds in the index in memory, another may have
 * stored just now, and whoever flushes makes sure that it is indexed, too. A new one after one that has failed.
 */
export function indexWriterOf(repository: Repository): IndexWriter {
  const known = writers.get(repository);
  if (known && !known.failed) return known;
  const writer = new IndexWriter(repository);
  writers.set(repository, writer);
  return writer;
}

/**
 * A pack that is in no index file yet. What the index in memory knows of it is not held again: its blobs as objects, or as
 * the text that they become, would be megabytes.
 */
interface WaitingPack {
  readonly index: BlobIndex;
  readonly number: number;
  /** Of each of its blobs, 0 where that is stored as it is; undefined where all are. */
  readonly rawLengths: Uint32Array | undefined;
}

function rawLengthsOf({ blobs }: IndexedPack): Uint32Array | undefined {
  if (blobs.every(({ rawLength }) => rawLength === undefined)) return undefined;
  return Uint32Array.from(blobs, ({ rawLength = 0 }) => rawLength);
}

function indexedPack({ index, number, rawLengths }: WaitingPack): IndexedPack {
  const { from, to } = index.entriesOf(number);
  const blobs = Array.from({ length: to - from }, (_, at): PackedBlob => {
    const { type, id, length } = index.blobOf(from + at);
    const rawLength = rawLengths?.[at] ?? 0;
    const blob = { type, id: id.toString('hex'), offset: index.offsetOf(from + at), length };
    return rawLength > 0 ? { ...blob, rawLength } : blob;
  });
  return { id: index.packId(number), blobs };
}

function encode(packs: readonly WaitingPack[]): Buffer {
  const blobCount = packs.reduce(
    (sum, { index, number }) => sum + index.entriesOf(number).to - index.entriesOf(number).from,
    0,
  );
  return encodeLargeIndex(packs.values().map(indexedPack), { packs: packs.length, blobs: blobCount });
}

/** Writes what packs hold into index files, which may only come after the packs are durable. */
class IndexWriter {
  /** A flush has failed: what was added since is in no index, and nothing more will be. */
  failed = false;
  private readonly repository: Repository;
  private packs: WaitingPack[] = [];
  private blobCount = 0;
  /** When the oldest of the packs that wait was added. */
  private waitingSinceMs = 0;
  private writing: Promise<void> = Promise.resolve();

  constructor(repository: Repository) {
    this.repository = repository;
  }

  /** Adds a pack to the index in memory, and soon to the repository's. */
  add(pack: IndexedPack): void {
    const nowMs = this.repository.clock.monotonicMs();
    if (this.packs.length === 0) this.waitingSinceMs = nowMs;
    const { index } = this.repository;
    this.packs.push({ index, number: index.addPack(pack.id, pack.blobs), rawLengths: rawLengthsOf(pack) });
    this.blobCount += pack.blobs.length;
    const late = nowMs - this.waitingSinceMs > flushAfterMs;
    if (this.blobCount >= fullBlobs || late) this.flush().catch(() => {}); // the last flush tells it again
  }

  /** Resolves when all packs that were added are durable, and in a durable index. */
  flush(signal?: AbortSignal): Promise<void> {
    const packs = this.packs;
    this.packs = [];
    this.blobCount = 0;
    this.writing = this.write(packs, this.writing, signal);
    return this.writing;
  }

  /** After a failure each further one fails with it. */
  private async write(packs: readonly WaitingPack[], before: Promise<void>, signal?: AbortSignal): Promise<void> {
    await before;
    if (packs.length === 0) return;
    try {
      const durable = this.repository.store.sync(signal);
      durable.catch(() => {}); // saveIndex rejects with it
      await setImmediate(); // the disk begins before this thread has other work
      await this.repository.saveIndex(encode(packs), durable, signal);
    } catch (error) {
      this.failed = true;
      this.repository.distrustIndex();
      throw error;
    }
  }
}
