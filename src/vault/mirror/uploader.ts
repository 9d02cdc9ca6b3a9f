import { createHash } from 'node:crypto';

import { hasCode, HoldfastError, messageOf } from '../../base/errors.ts';
import { type ObjectStore, type PutAllOptions, putAll, putEach, putStream } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { FileEvents } from '../file-events.ts';
import { Batch, type SmallFile } from './batch.ts';
import { escapePath, hashedKey } from './object-key.ts';
import { type ContentRecord, encodeRecord } from './manifest/record.ts';

/** A file whose content is sent as it is read. */
export interface LargeFile {
  readonly path: Buffer;
  readonly key: string;
  /** True when the manifest that stands knows an object of this path: then it is no longer what that says. */
  readonly overwrites: boolean;
  /** What the manifest will know, once size and digest are known. */
  readonly describe: (content: { readonly size: number; readonly sha256: string }) => ContentRecord;
}

export interface UploaderOptions {
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly signal: AbortSignal;
  readonly events: FileEvents;
  /** Notes what objects may become, before they do, as lines of the manifest; see journal.ts. */
  readonly willStore: (lines: readonly string[], overwrites: boolean) => Promise<void>;
  /** Told of each file that could not be stored. */
  readonly onFailed: (path: Buffer, error: HoldfastError) => void;
}

/** More than this is not under way at once: memory, and files that a run that dies sends in vain. */
const mostBatches = 16;
const mostFiles = 1536;
/** So many files in a row that can't be stored, and it is not the files' fault. */
const failuresInARow = 10;

/**
 * Stores the contents of files: small ones in the background, in batches, several at once. A file that the store does not
 * take is told and left behind; many in a row end the run.
 */
export class Uploader {
  private readonly options: UploaderOptions;
  private readonly running = new Set<Batch>();
  /** Memory of batches that are done. */
  private readonly free: Buffer[] = [];
  private open: Batch | undefined;
  private filesRunning = 0;
  private failures = 0;
  private fatal: { readonly error: unknown } | undefined;

  constructor(options: UploaderOptions) {
    this.options = options;
    // Asked for each file: a signal made of others would ask these each time.
    options.signal.addEventListener('abort', () => this.end(options.signal.reason), { once: true });
    if (options.signal.aborted) this.end(options.signal.reason);
  }

  /** Throws what ended the run. */
  check(): void {
    if (this.fatal) throw this.fatal.error;
  }

  /** Something to wait for before the next small file, while too much is under way. */
  room(): Promise<void> | undefined {
    if (this.open || !this.isFull()) return undefined;
    return this.waitForRoom();
  }

  /** Begins to store a content, which is copied. To be called when there is room. */
  add(file: SmallFile): Batch {
    this.check();
    if (this.open?.hasRoomFor(file) === false) this.flush();
    const batch = (this.open ??= this.newBatch());
    batch.add(file);
    if (batch.isFull) this.flush();
    return batch;
  }

  /** Stores a content of any size as it is read. A failure to read it is thrown as it is. Undefined when the store does not take it. */
  async stream(file: LargeFile, content: AsyncIterable<Uint8Array>): Promise<ContentRecord | undefined> {
    this.check();
    try {
      const record = await this.putStreamed(file, content);
      this.stored(file, record.facts.size);
      return record;
    } catch (error) {
      this.failed(file, error);
      return undefined;
    }
  }

  /** Waits until nothing is under way, then throws what ended the run. */
  async finish(): Promise<void> {
    await this.settle();
    this.check();
  }

  /** Waits until nothing is under way. */
  async settle(): Promise<void> {
    this.flush();
    while (this.running.size > 0) await Promise.allSettled([...this.running].map(({ done }) => done));
  }

  private isFull(): boolean {
    return this.running.size >= mostBatches || this.filesRunning >= mostFiles;
  }

  private async waitForRoom(): Promise<void> {
    while (this.isFull()) await Promise.race([...this.running].map(({ done }) => done));
  }

  private newBatch(): Batch {
    const batch = new Batch(this.free.pop());
    this.flushWhenAlone(batch, 0);
    return batch;
  }

  /** A batch waits for company only as long as each turn of the event loop brings some. */
  private flushWhenAlone(batch: Batch, seen: number): void {
    setImmediate(() => {
      if (this.open !== batch) return;
      if (batch.files.length === seen) this.flush();
      else this.flushWhenAlone(batch, batch.files.length);
    });
  }

  private flush(): void {
    const batch = this.open;
    if (!batch) return;
    this.open = undefined;
    this.running.add(batch);
    this.filesRunning += batch.files.length;
    void this.send(batch);
  }

  /** Never rejects: `batch.done` does. */
  private async send(batch: Batch): Promise<void> {
    try {
      const refused = await this.put(batch.files);
      // In a folder, a former file may stand where a folder is needed now, and may have to stay.
      if (refused.length > 0) await this.put(refused);
      this.free.push(batch.memory);
      batch.end();
    } catch (error) {
      this.end(error);
      batch.fail(error);
    }
    this.running.delete(batch);
    this.filesRunning -= batch.files.length;
  }

  /** Stores some files of a batch. Those whose key the store can't have get another one, and are returned. */
  private async put(files: readonly SmallFile[]): Promise<SmallFile[]> {
    const { store, willStore, signal } = this.options;
    this.check();
    await willStore(
      files.map(({ line }) => line),
      files.some(({ overwrites }) => overwrites),
    );
    this.check();
    const refused: SmallFile[] = [];
    const told = (some: readonly SmallFile[]): PutAllOptions => ({
      signal,
      onDone: (index, error) => this.onPut(some[index] as SmallFile, error, refused),
    });
    const overwriting = files.filter(({ overwrites }) => overwrites);
    const fresh = files.filter(({ overwrites }) => !overwrites);
    // What overwrites is durable before the manifest says so: else neither of the two versions might be left.
    const ends = await Promise.allSettled([
      overwriting.length > 0 && putEach(store, overwriting, told(overwriting)),
      fresh.length > 0 && putAll(store, fresh, told(fresh)),
    ]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return refused;
  }

  private onPut(file: SmallFile, error: unknown, refused: SmallFile[]): void {
    if (error === undefined) {
      file.isStored = true;
      this.stored(file, file.bytes.length);
      return this.check();
    }
    const other = hashedKey(this.options.prefix, file.path);
    if (!hasCode(error, 'store/unsupported') || file.key === other) return this.failed(file, error);
    file.key = other;
    file.record = { ...file.record, facts: { ...file.record.facts, key: other } };
    file.line = encodeRecord(file.record);
    refused.push(file);
  }

  private stored({ path, key }: Pick<SmallFile, 'path' | 'key'>, sizeBytes: number): void {
    this.failures = 0;
    this.options.events.onFileStored?.({ path: escapePath(path), key, sizeBytes });
  }

  /** Tells of a file that the store did not take. Throws what ends the run. */
  private failed({ path, key }: Pick<SmallFile, 'path' | 'key'>, error: unknown): void {
    this.check();
    if (this.options.signal.aborted || !(error instanceof HoldfastError) || !error.code.startsWith('store/')) {
      this.end(error);
      throw error;
    }
    this.options.events.onFileFailed?.({ path: escapePath(path), key, error });
    this.options.onFailed(path, error);
    this.failures += 1;
    if (this.failures < failuresInARow) return;
    const cause = vaultError('uploads-failed', {
      message: `${this.failures} files in a row could not be stored in ${this.options.store.label}; the last one because: ${messageOf(error)}.`,
      hint: error.hint ?? 'See why the store does not take them, then run the backup again.',
      context: { path: escapePath(path), key },
      cause: error,
    });
    this.end(cause);
    throw cause;
  }

  private end(error: unknown): void {
    this.fatal ??= { error };
  }

  private async putStreamed(file: LargeFile, content: AsyncIterable<Uint8Array>): Promise<ContentRecord> {
    const { store, signal } = this.options;
    const hash = createHash('sha256');
    let size = 0;
    let record: ContentRecord | undefined;
    const described = async (): Promise<void> => {
      record = file.describe({ size, sha256: hash.digest('hex') });
      await this.journaled(record, file.overwrites);
    };
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const chunk of content) {
        size += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      // The object becomes visible when this ends, and by then the journal must know what it will be.
      await described();
    }
    await putStream(store, file.key, hashed(), { signal, deferSync: !file.overwrites });
    return record as unknown as ContentRecord;
  }

  /** Without its journal no object may be touched: a failure is the run's, not the file's. */
  private async journaled(record: ContentRecord, overwrites: boolean): Promise<void> {
    try {
      await this.options.willStore([encodeRecord(record)], overwrites);
    } catch (error) {
      this.end(error);
      throw error;
    }
  }
}
