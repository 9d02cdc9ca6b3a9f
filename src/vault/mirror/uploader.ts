import { createHash } from 'node:crypto';

import { MiB } from '../../base/bytes.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { hasCode, HoldfastError, messageOf } from '../../base/errors.ts';
import { type ObjectStore, putStream } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { FileEvents } from '../file-events.ts';
import { escapePath, hashedKey } from './object-key.ts';

/** A file on its way. */
export interface Upload<Result> {
  readonly path: Buffer;
  /** Its own key. */
  readonly key: string;
  /** True when the manifest that stands knows an object of this path: then it is no longer what that says. */
  readonly overwrites: boolean;
  /** What the manifest will know, once size and digest are known, under the key that it got. */
  readonly describe: (content: { readonly size: number; readonly sha256: string }, key: string) => Result;
}

export interface UploaderOptions<Result> {
  readonly store: ObjectStore;
  readonly prefix: string;
  readonly signal: AbortSignal;
  readonly events: FileEvents;
  /** Notes what an object may become, before it does; see journal.ts. */
  readonly willStore: (result: Result, overwrites: boolean) => Promise<void>;
  /** Told of each file that could not be stored. */
  readonly onFailed: (path: Buffer, error: HoldfastError) => void;
}

/** The store sends as many of these at once as is good for it. */
const uploadsInFlight = 64;
const waitingUploads = 256;
const waitingBytes = 16 * MiB;
/** So many files in a row that can't be stored, and it is not the files' fault. */
const failuresInARow = 10;

/**
 * Stores the contents of files: small ones in the background, several at once. A file that the store does not take is
 * told and left behind; many in a row end the run.
 */
export class Uploader<Result> {
  private readonly options: UploaderOptions<Result>;
  private readonly sending = new Semaphore(uploadsInFlight);
  private readonly running = new Set<Promise<unknown>>();
  private bytesWaiting = 0;
  private failures = 0;
  private fatal: { readonly error: unknown } | undefined;

  constructor(options: UploaderOptions<Result>) {
    this.options = options;
  }

  /** Throws what ended the run. */
  check(): void {
    this.options.signal.throwIfAborted();
    if (this.fatal) throw this.fatal.error;
  }

  /**
   * Begins to store a content that is in memory; waits only while too much is under way. `stored` resolves to what was
   * described, or to undefined when the store did not take it, and rejects when the run is over.
   */
  async start(upload: Upload<Result>, content: Buffer): Promise<{ readonly stored: Promise<Result | undefined> }> {
    while (this.running.size >= waitingUploads || (this.bytesWaiting > waitingBytes && this.running.size > 0))
      await Promise.race(this.running);
    this.check();
    this.bytesWaiting += content.length;
    const stored = this.attempt(upload, () => this.putWhole(upload, content)).finally(() => {
      this.bytesWaiting -= content.length;
    });
    const settled: Promise<unknown> = stored.catch(() => {}).then(() => this.running.delete(settled));
    this.running.add(settled);
    return { stored };
  }

  /** Stores a content of any size as it is read. A failure to read it is thrown as it is. */
  async stream(upload: Upload<Result>, content: AsyncIterable<Uint8Array>): Promise<Result | undefined> {
    this.check();
    return this.attempt(upload, () => this.putStreamed(upload, content));
  }

  /** Waits until nothing is under way, then throws what ended the run. */
  async finish(): Promise<void> {
    await this.settle();
    this.check();
  }

  /** Waits until nothing is under way. */
  async settle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private async attempt(upload: Upload<Result>, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await work();
      this.failures = 0;
      return result;
    } catch (error) {
      if (this.fatal) throw this.fatal.error;
      if (this.options.signal.aborted || !(error instanceof HoldfastError) || !error.code.startsWith('store/')) {
        this.fatal = { error };
        throw error;
      }
      this.fail(upload, error);
      return undefined;
    }
  }

  private fail({ path, key }: Upload<Result>, error: HoldfastError): void {
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
    this.fatal ??= { error: cause };
    throw cause;
  }

  private async putWhole(upload: Upload<Result>, content: Buffer): Promise<Result> {
    const { store, prefix, signal } = this.options;
    const facts = { size: content.length, sha256: createHash('sha256').update(content).digest('hex') };
    const put = async (key: string): Promise<Result> => {
      this.check();
      const result = upload.describe(facts, key);
      await this.journaled(result, upload);
      await this.sending.run(() => {
        this.check(); // the run may have ended while this one waited
        return store.put(key, content, { signal, deferSync: !upload.overwrites });
      });
      this.options.events.onFileStored?.({ path: escapePath(upload.path), key, sizeBytes: content.length });
      return result;
    };
    try {
      return await put(upload.key);
    } catch (error) {
      // In a folder, a former file may stand where a folder is needed now, and may have to stay.
      const other = hashedKey(prefix, upload.path);
      if (!hasCode(error, 'store/unsupported') || other === upload.key) throw error;
      return put(other);
    }
  }

  private async putStreamed(upload: Upload<Result>, content: AsyncIterable<Uint8Array>): Promise<Result> {
    const { store, signal } = this.options;
    const hash = createHash('sha256');
    let size = 0;
    let result: Result | undefined;
    const journaled = (described: Result): Promise<void> => this.journaled(described, upload);
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const chunk of content) {
        size += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      // The object becomes visible when this ends, and by then the journal must know what it will be.
      result = upload.describe({ size, sha256: hash.digest('hex') }, upload.key);
      await journaled(result);
    }
    await putStream(store, upload.key, hashed(), { signal, deferSync: !upload.overwrites });
    this.options.events.onFileStored?.({ path: escapePath(upload.path), key: upload.key, sizeBytes: size });
    return result as Result;
  }

  /** Without its journal no object may be touched: a failure is the run's, not the file's. */
  private async journaled(result: Result, { overwrites }: Upload<Result>): Promise<void> {
    try {
      await this.options.willStore(result, overwrites);
    } catch (error) {
      this.fatal ??= { error };
      throw error;
    }
  }
}
