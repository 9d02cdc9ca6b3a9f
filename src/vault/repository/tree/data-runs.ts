import { hash } from 'node:crypto';
import type { Soon } from '../../../base/concurrency.ts';
import type { DataRun } from '../../../source/index.ts';
import { sealedOverhead } from '../crypto/sealing-key.ts';
import { decodeIndex } from '../format/index-file.ts';
import type { FileContent } from '../reading/content-reader.ts';
import { zeroChunk, zeroChunkId } from '../reading/zero-chunk.ts';
import type { Repository } from '../repository.ts';

/** Finds the holes of sparse files by the names of their blobs: nothing of the content is read. */
export class DataRuns {
  private readonly repository: Repository;
  private readonly signal: AbortSignal;
  private plainSizes: Promise<Uint32Array> | undefined;

  constructor(repository: Repository, signal: AbortSignal) {
    this.repository = repository;
    this.signal = signal;
  }

  /** What of a file is no hole; undefined for a file without holes, and where that can't be told. */
  of(content: FileContent): Soon<readonly DataRun[] | undefined> {
    return content.ids.includes(zeroChunkId) ? this.find(content) : undefined;
  }

  private async find({ ids, sizeBytes }: FileContent): Promise<readonly DataRun[] | undefined> {
    const runs: DataRun[] = [];
    let offset = 0;
    for (const [number, id] of ids.entries()) {
      const isLast = number === ids.length - 1;
      const size = isLast ? sizeBytes - offset : await this.sizeOf(id);
      if (size === undefined || size < 0) return undefined;
      const isHole = id === zeroChunkId || (isLast && ids[number - 1] === zeroChunkId && isZeros(id, size));
      const before = runs.at(-1);
      if (isHole || size === 0) offset += size;
      else if (before && before.offset + before.length === offset) {
        runs[runs.length - 1] = { offset: before.offset, length: before.length + size };
        offset += size;
      } else {
        runs.push({ offset, length: size });
        offset += size;
      }
    }
    return offset === sizeBytes ? runs : undefined;
  }

  private async sizeOf(id: string): Promise<number | undefined> {
    if (id === zeroChunkId) return zeroChunk.length;
    const { index } = this.repository;
    const entry = index.find('data', Buffer.from(id, 'hex'));
    if (entry < 0) return undefined;
    const { length, compressed } = index.place(entry);
    if (!compressed) return length - sealedOverhead;
    this.plainSizes ??= this.loadPlainSizes();
    return (await this.plainSizes)[entry] || undefined;
  }

  /** Of all compressed data blobs, by their entries. The index does not keep them: they are needed for holes only. */
  private async loadPlainSizes(): Promise<Uint32Array> {
    const { repository, signal } = this;
    const sizes = new Uint32Array(repository.index.blobCount);
    for await (const { id: file } of repository.list('index', signal)) {
      for (const { blobs } of decodeIndex(await repository.loadFile('index', file, signal)).packs)
        for (const { type, id, rawLength } of blobs) {
          if (type !== 'data' || rawLength === undefined) continue;
          const entry = repository.index.find('data', Buffer.from(id, 'hex'));
          if (entry >= 0) sizes[entry] = rawLength;
        }
    }
    return sizes;
  }
}

/** What is left of a hole at the end of a file, which is no whole chunk. */
const isZeros = (id: string, size: number): boolean =>
  size <= zeroChunk.length && hash('sha256', zeroChunk.subarray(0, size), 'hex') === id;
