import { MiB } from '../../base/bytes.ts';
import type { NewObject } from '../../store/index.ts';
import type { ContentRecord } from './manifest/record.ts';

/** A file whose content is in memory, on its way into the store. */
export interface SmallFile extends NewObject {
  readonly path: Buffer;
  /** True when the manifest that stands knows an object of this path: then it is no longer what that says. */
  readonly overwrites: boolean;
  /** The object's key, and what the manifest will know, with the line that says it; others where the store can't have that key. */
  key: string;
  record: ContentRecord;
  line: string;
  /** Its content; within the batch once it is in one. */
  bytes: Uint8Array;
  isStored: boolean;
}

/** The size of the memory of a batch, and of the largest file in one. */
const bytesOfBatch = MiB;
const mostFiles = 256;

/** Small files that are sent together. */
export class Batch {
  readonly files: SmallFile[] = [];
  /** Their contents, one behind the other. */
  readonly memory: Buffer;
  /** True when each file is stored or can't be. */
  isDone = false;
  /** Resolves when it is done; rejects when the run is over before. */
  readonly done: Promise<void>;
  private readonly ending = Promise.withResolvers<void>();
  private used = 0;

  /** `memory` is that of a batch that is done. */
  constructor(memory: Buffer = Buffer.allocUnsafeSlow(bytesOfBatch)) {
    this.memory = memory;
    this.done = this.ending.promise;
    this.done.catch(() => {}); // whoever waits for one of its files reports it
  }

  get isFull(): boolean {
    return this.files.length >= mostFiles;
  }

  hasRoomFor({ bytes }: SmallFile): boolean {
    return !this.isFull && this.used + bytes.length <= this.memory.length;
  }

  /** Takes a file, and copies its content. */
  add(file: SmallFile): void {
    this.memory.set(file.bytes, this.used);
    file.bytes = this.memory.subarray(this.used, this.used + file.bytes.length);
    this.used += file.bytes.length;
    this.files.push(file);
  }

  /** Tells those who wait for `done`; to be called once. */
  end(): void {
    this.isDone = true;
    this.ending.resolve();
  }

  /** The same, when the run is over before. */
  fail(error: unknown): void {
    this.ending.reject(error);
  }
}
