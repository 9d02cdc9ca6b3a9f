import { hash } from 'node:crypto';
import { KiB, MiB } from '../../../base/bytes.ts';
import type { Soon } from '../../../base/concurrency.ts';
import type { KnownFile } from '../../../base/known-file.ts';
import { chunkLimits } from '../chunker/chunk-limits.ts';
import { StreamCutter } from '../chunker/stream-cutter.ts';
import type { BlobType, PackedBlob } from '../format/pack-header.ts';
import type { Repository } from '../repository.ts';
import type { ThreadAnswers } from '../threads/requests.ts';
import type { ThreadPool } from '../threads/thread-pool.ts';
import { type BlobContent, contentsOf, readRequest } from './blob-requests.ts';
import { ChunkedStream } from './chunked-stream.ts';
import { FileContent, type SavedContent } from './file-content.ts';
import type { PackAssembler } from './pack-assembler.ts';
import { type Piece, type Slab, slabBytes, type Slabs } from './slabs.ts';

/** Small files go to a thread together: as much as keeps it busy for a millisecond or two. */
const batchBytes = 512 * KiB;
const batchBlobs = 256;
/** More than this in trees that are not sealed yet, and the reader waits. */
const mostTreeBytes = 8 * MiB;
/**
 * So many batches of small files keep the threads busy. Of more the reader's objects would live long enough to reach V8's
 * old generation, which then fills with what is dead: 20 MB.
 */
const mostBatches = 6;

/** What was saved, in restic's terms. */
export interface SavedBlobs {
  dataBlobs: number;
  treeBlobs: number;
  /** Plain bytes of new blobs. */
  addedBytes: number;
  /** The same, as packs hold them. */
  packedBytes: number;
}

export interface BlobSaverOptions {
  /** Whose index says what need not be saved. */
  readonly repository: Pick<Repository, 'index'>;
  readonly slabs: Slabs;
  readonly threads: ThreadPool;
  readonly packs: PackAssembler;
  /** Of the chunker's polynomial, by `rabinTables`. */
  readonly tables: Uint8Array;
}

/** A small file's only blob; its content is there, or to be read from a file. */
interface WaitingBlob extends Piece {
  readonly source: FileToRead | undefined;
  readonly onDone: (content: SavedContent) => void;
}

/** A small file that a thread reads. */
export interface FileToRead {
  readonly file: KnownFile;
  /** Told when it was not as it is known, or could not be read: then `onDone` is not. */
  readonly onOdd: () => void;
}

interface NamedBlob {
  readonly id: string;
  readonly sizeBytes: number;
  readonly content: BlobContent;
}

const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/**
 * Turns content into blobs: content waits in slabs, threads name it (SHA-256), what the repository has is dropped, the
 * rest is sealed into packs. Not for concurrent use, but for `flush` and `fail`.
 *
 * Who is the first to claim a blob stores it. A claim holds for this saver only: another's may come to nothing.
 */
export class BlobSaver {
  readonly saved: SavedBlobs = { dataBlobs: 0, treeBlobs: 0, addedBytes: 0, packedBytes: 0 };
  private readonly options: BlobSaverOptions;
  private readonly claimed = { data: new Set<string>(), tree: new Set<string>() };
  private readonly working = new Set<Promise<void>>();
  private slab: Slab | undefined;
  private used = 0;
  private batch: WaitingBlob[] = [];
  private batchSize = 0;
  private batchesUnderWay = 0;
  private trees: NamedBlob[] = [];
  private treesSize = 0;
  private treeBytesUnderWay = 0;
  /** Continues whoever waits for trees, or for batches. */
  private wake: (() => void) | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(options: BlobSaverOptions) {
    this.options = options;
  }

  /**
   * Copies a content; resolves with its size when it has been read. `onDone` is told what it became, maybe later.
   * Stops reading beyond `sizeBytes`, where that is given: then the size returned is larger.
   */
  async saveContent(
    chunks: AsyncIterable<Uint8Array>,
    sizeBytes: number | undefined,
    onDone: (content: SavedContent) => void,
  ): Promise<number> {
    if (sizeBytes === undefined || sizeBytes > chunkLimits.min)
      return this.saveLarge(chunks, sizeBytes, new FileContent(onDone));
    const bytes = Buffer.allocUnsafe(sizeBytes);
    let size = 0;
    for await (const chunk of chunks) {
      if (size + chunk.length > sizeBytes) return size + chunk.length;
      bytes.set(chunk, size);
      size += chunk.length;
    }
    await this.saveSmall(bytes.subarray(0, size), onDone);
    return size;
  }

  /** The same for a content that is at hand and no larger than a chunk can be; at once where there is room for it. */
  saveSmall(bytes: Uint8Array, onDone: (content: SavedContent) => void): Soon<void> {
    this.check();
    if (this.used + bytes.length > slabBytes) this.leaveSlab();
    return this.slab
      ? this.place(this.slab, bytes, onDone)
      : this.enterSlab().then((slab) => this.place(slab, bytes, onDone));
  }

  /** The same for a small file that a thread reads. */
  saveFile(source: FileToRead, onDone: (content: SavedContent) => void): Soon<void> {
    this.check();
    const length = source.file.sizeBytes;
    if (this.used + length > slabBytes) this.leaveSlab();
    const wait = (slab: Slab): void => this.wait({ slab, offset: this.used, length, source, onDone });
    return this.slab ? wait(this.slab) : this.enterSlab().then(wait);
  }

  /** Saves a tree and returns its id at once. Await `ready` before the next is made. */
  saveTree(bytes: Buffer): string {
    const ids = hash('sha256', bytes, 'buffer');
    const id = ids.toString('hex');
    if (this.claim('tree', id, { ids, at: 0 })) {
      this.trees.push({ id, sizeBytes: bytes.length, content: bytes });
      this.treesSize += bytes.length;
      this.treeBytesUnderWay += bytes.length;
      if (this.treesSize >= batchBytes || this.trees.length >= batchBlobs) this.dispatchTrees();
    }
    return id;
  }

  /** Resolves when there is room for more. Throws what has failed. */
  ready(): Soon<void> {
    this.check();
    if (this.treeBytesUnderWay > mostTreeBytes || this.batchesUnderWay > mostBatches) return this.waitForRoom();
  }

  private async waitForRoom(): Promise<void> {
    while (this.treeBytesUnderWay > mostTreeBytes || this.batchesUnderWay > mostBatches) {
      if (this.treeBytesUnderWay > mostTreeBytes) this.dispatchTrees();
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.check();
    }
  }

  /** Hands what waits to the threads, and resolves when nothing is under way. Throws what has failed. */
  async flush(): Promise<void> {
    do {
      this.dispatch();
      this.dispatchTrees();
      await Promise.all(this.working);
      this.check();
    } while (this.working.size > 0 || this.batch.length > 0 || this.trees.length > 0);
  }

  /** The index has these now: they need no claim any more. */
  stored(blobs: readonly PackedBlob[]): void {
    for (const { type, id } of blobs) this.claimed[type].delete(id);
  }

  /** Ends everything that waits. */
  fail(error: unknown): void {
    if (this.failure) return;
    this.failure = { error };
    this.options.slabs.fail(error);
    this.options.packs.fail(error);
    this.wake?.();
  }

  private check(): void {
    if (this.failure) throw this.failure.error;
  }

  private place(slab: Slab, bytes: Uint8Array, onDone: (content: SavedContent) => void): void {
    const { length } = bytes;
    if (length === 0) return onDone({ ids: [], sizeBytes: 0 });
    slab.bytes.set(bytes, this.used);
    this.wait({ slab, offset: this.used, length, source: undefined, onDone });
  }

  private wait(blob: WaitingBlob): void {
    const [first] = this.batch;
    if (first && (first.source === undefined) !== (blob.source === undefined)) this.dispatch();
    this.options.slabs.retain(blob.slab);
    this.batch.push(blob);
    this.used += blob.length;
    this.batchSize += blob.length;
    if (this.batchSize >= batchBytes || this.batch.length >= batchBlobs) this.dispatch();
  }

  private async saveLarge(
    chunks: AsyncIterable<Uint8Array>,
    sizeBytes: number | undefined,
    content: FileContent,
  ): Promise<number> {
    const { slabs, tables } = this.options;
    const stream = new ChunkedStream({
      content,
      slabs,
      cutter: new StreamCutter(tables),
      onChunk: (owner, pieces) => this.start(this.saveChunk(owner, pieces)),
    });
    let size = 0;
    let begin = this.used;
    for await (const chunk of chunks) {
      if (sizeBytes !== undefined && size + chunk.length > sizeBytes) return size + chunk.length;
      for (let done = 0; done < chunk.length;) {
        if (this.slab && this.used === slabBytes) {
          this.addSegment(stream, begin);
          await this.continueBehind(this.slab);
          begin = this.used;
        } else if (!this.slab) {
          await this.enterSlab();
          begin = this.used;
        }
        const part = chunk.subarray(done, done + slabBytes - this.used);
        this.slab?.bytes.set(part, this.used);
        this.used += part.length;
        done += part.length;
      }
      size += chunk.length;
    }
    this.check();
    this.addSegment(stream, begin);
    stream.end();
    return size;
  }

  private addSegment(stream: ChunkedStream, begin: number): void {
    if (!this.slab || this.used === begin) return;
    this.options.slabs.retain(this.slab);
    stream.add(this.slab, begin, this.used - begin);
  }

  /** Goes on with a stream in the slab behind this one: then most chunks lie in one piece. */
  private async continueBehind(full: Slab): Promise<void> {
    const next = this.options.slabs.takeBehind(full);
    this.leaveSlab();
    this.dispatch(); // what waits may hold it
    this.slab = await next;
    this.used = 0;
  }

  private async enterSlab(): Promise<Slab> {
    let slab = this.options.slabs.tryTake();
    if (!slab) {
      this.dispatch(); // what waits holds slabs
      slab = await this.options.slabs.take();
    }
    this.slab = slab;
    this.used = 0;
    return slab;
  }

  private leaveSlab(): void {
    if (this.slab) this.options.slabs.release(this.slab);
    this.slab = undefined;
  }

  /** Follows work in the background. */
  private start(work: Promise<void>): void {
    const done: Promise<void> = work
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.working.delete(done));
    this.working.add(done);
  }

  private dispatch(): void {
    if (this.batch.length === 0) return;
    const batch = this.batch;
    this.batch = [];
    this.batchSize = 0;
    this.start(this.saveBatch(batch));
  }

  private async saveBatch(batch: readonly WaitingBlob[]): Promise<void> {
    this.batchesUnderWay += 1;
    const { ids, odd } = await this.nameAll(batch);
    const names = namesOf(ids);
    const fresh: NamedBlob[] = [];
    const kept: Slab[] = [];
    for (const [index, piece] of batch.entries()) {
      const id = names.slice(index * 64, index * 64 + 64);
      if (odd.includes(index)) {
        this.options.slabs.release(piece.slab);
        piece.source?.onOdd();
        continue;
      }
      if (this.claim('data', id, { ids, at: index * 32 })) {
        fresh.push({ id, sizeBytes: piece.length, content: [piece] });
        kept.push(piece.slab);
      } else this.options.slabs.release(piece.slab);
      piece.onDone({ ids: [id], sizeBytes: piece.length });
    }
    if (fresh.length > 0) await this.seal('data', fresh);
    for (const slab of kept) this.options.slabs.release(slab);
    this.batchesUnderWay -= 1;
    this.wake?.();
  }

  /** All of a batch are files to be read, or none is. */
  private async nameAll(batch: readonly WaitingBlob[]): Promise<ThreadAnswers['read']> {
    const { threads } = this.options;
    const files = batch.flatMap(({ source }) => source?.file ?? []);
    if (files.length > 0) return threads.run(readRequest(files, batch));
    const ids = await threads.run({ op: 'hash', blobs: contentsOf(batch.map((piece) => [piece])) });
    return { ids, odd: [] };
  }

  private async saveChunk(content: FileContent, pieces: readonly Piece[]): Promise<void> {
    const place = content.expect();
    const ids = await this.options.threads.run({ op: 'hash', blobs: contentsOf([pieces]) });
    const id = namesOf(ids);
    content.named(place, id);
    if (this.claim('data', id, { ids, at: 0 }))
      await this.seal('data', [{ id, sizeBytes: sizeOf(pieces), content: pieces }]);
    for (const { slab } of pieces) this.options.slabs.release(slab);
  }

  private dispatchTrees(): void {
    if (this.trees.length === 0) return;
    const trees = this.trees;
    const size = this.treesSize;
    this.trees = [];
    this.treesSize = 0;
    this.start(this.sealTrees(trees, size));
  }

  private async sealTrees(trees: readonly NamedBlob[], sizeBytes: number): Promise<void> {
    await this.seal('tree', trees);
    this.treeBytesUnderWay -= sizeBytes;
    this.wake?.();
  }

  private async seal(type: BlobType, blobs: readonly NamedBlob[]): Promise<void> {
    const { packs, threads } = this.options;
    const boundBytes = blobs.reduce((sum, { sizeBytes }) => sum + sealedBound(sizeBytes), 0);
    const room = await packs.reserve(type, boundBytes);
    let stored: readonly PackedBlob[] = [];
    try {
      const places = await threads.run({
        op: 'seal',
        type,
        pack: room.pack.number,
        blobs: contentsOf(blobs.map(({ content }) => content)),
      });
      stored = blobs.map(({ id }, index) => {
        const [offset, length, rawLength] = [places[index * 3] ?? 0, places[index * 3 + 1] ?? 0, places[index * 3 + 2]];
        return rawLength ? { type, id, offset, length, rawLength } : { type, id, offset, length };
      });
    } finally {
      packs.settle(room, stored);
    }
    this.count(type, blobs, stored);
  }

  private count(type: BlobType, blobs: readonly NamedBlob[], stored: readonly PackedBlob[]): void {
    if (type === 'data') this.saved.dataBlobs += blobs.length;
    else this.saved.treeBlobs += blobs.length;
    for (const { sizeBytes } of blobs) this.saved.addedBytes += sizeBytes;
    for (const { length } of stored) this.saved.packedBytes += length;
  }

  /** True when the blob, whose id are the 32 bytes at `at`, is neither in the repository nor saved here before. */
  private claim(type: BlobType, id: string, { ids, at }: { readonly ids: Uint8Array; readonly at: number }): boolean {
    if (this.options.repository.index.has(type, ids, at)) return false;
    const before = this.claimed[type].size;
    return this.claimed[type].add(id).size > before;
  }
}

/** The names of blobs in hexadecimal, 64 digits each, in one text. */
const namesOf = (ids: Uint8Array): string => Buffer.from(ids.buffer, ids.byteOffset, ids.length).toString('hex');

/** A blob that does not shrink is stored as it is, with its seal; a tree is always compressed, and may grow. */
const sealedBound = (sizeBytes: number): number => sizeBytes + (sizeBytes >> 8) + 128;
