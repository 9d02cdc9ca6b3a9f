import type { Clock } from '../base/clock.ts';
import { MiB } from '../base/bytes.ts';
import { byteRange } from './byte-range.ts';
import { storeError } from './errors.ts';
import { HeldUploads } from './held-uploads.ts';
import { checkKey, compareKeys } from './object-key.ts';
import type { GetOptions, ListOptions, ObjectInfo, ObjectStore, PutOptions, Upload } from './object-store.ts';
import { alreadyExists, changed, notFound } from './outcomes.ts';
import { waitForPace } from './pace.ts';

interface Written {
  readonly info: ObjectInfo;
  /** Undefined of an object that is too large to be kept. */
  readonly bytes: Buffer | undefined;
}

const partSizeBytes = 8 * MiB;

/**
 * Writes nothing: what is written and deleted stays in this process, over what the store below has, and is gone with it. Of
 * objects larger than `keptBytes` only the size is kept, and reading one is store/failed: whoever tries something out
 * does not read his data back.
 */
export class DryRunStore implements ObjectStore {
  readonly label: string;
  private readonly below: ObjectStore;
  private readonly clock: Clock;
  private readonly keptBytes: number;
  /** What this process has made of each key; undefined where it has deleted it. */
  private readonly own = new Map<string, Written | undefined>();
  private readonly uploads: HeldUploads;
  private versions = 0;

  constructor(below: ObjectStore, clock: Clock, keptBytes: number = MiB) {
    this.label = below.label;
    this.below = below;
    this.clock = clock;
    this.uploads = new HeldUploads(clock);
    this.keptBytes = keptBytes;
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(key);
    options.signal?.throwIfAborted();
    await waitForPace(bytes, options);
    const kept = bytes.length <= this.keptBytes ? Buffer.from(bytes) : undefined;
    return this.save(key, { sizeBytes: bytes.length, kept }, options);
  }

  async startUpload(key: string, options: PutOptions = {}): Promise<Upload> {
    checkKey(key);
    options.signal?.throwIfAborted();
    return this.uploads.start(key, options, {
      partSizeBytes,
      keptBytes: this.keptBytes,
      save: (sizeBytes, kept) => this.save(key, { sizeBytes, kept }, options),
    });
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    if (this.own.has(checkKey(key))) yield* this.getOwn(key, options);
    else yield* this.below.get(key, options);
  }

  private *getOwn(key: string, options: GetOptions): Generator<Uint8Array> {
    const written = this.own.get(key);
    if (!written) throw notFound(key);
    if (options.ifMatch !== undefined && options.ifMatch !== written.info.etag) throw changed(key);
    if (!written.bytes) throw notKept(key);
    const { start, end } = byteRange(key, written.bytes.length, options);
    options.onInfo?.(written.info);
    if (end > start) yield Uint8Array.from(written.bytes.subarray(start, end));
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    signal?.throwIfAborted();
    return this.own.has(checkKey(key)) ? this.own.get(key)?.info : this.below.head(key, signal);
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const { prefix = '', after, signal } = options;
    signal?.throwIfAborted();
    const isWanted = (key: string): boolean =>
      key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0);
    const written = [...this.own.values()].flatMap((one) => (one && isWanted(one.info.key) ? [one.info] : []));
    written.sort((a, b) => compareKeys(a.key, b.key));
    let next = 0;
    for await (const info of this.below.list(options)) {
      while (next < written.length && compareKeys(written[next]?.key ?? '', info.key) < 0)
        yield written[next++] as ObjectInfo;
      if (!this.own.has(info.key)) yield info;
    }
    yield* written.slice(next);
  }

  async sync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    for (const key of keys) this.own.set(checkKey(key), undefined);
  }

  async sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    return this.uploads.sweep(olderThan);
  }

  close(): Promise<void> {
    return this.below.close();
  }

  private async save(
    key: string,
    { sizeBytes, kept }: { readonly sizeBytes: number; readonly kept: Buffer | undefined },
    { ifAbsent, ifMatch, signal }: PutOptions,
  ): Promise<ObjectInfo> {
    const below = this.own.has(key) ? undefined : await this.below.head(key, signal);
    signal?.throwIfAborted();
    // From here on nothing waits: the check and the write are one step.
    const current = this.own.has(key) ? this.own.get(key)?.info : below;
    if (ifAbsent === true && current) throw alreadyExists(key);
    if (ifMatch !== undefined && current?.etag !== ifMatch) throw changed(key);
    this.versions += 1;
    const info = { key, sizeBytes, modifiedAt: this.clock.now(), etag: `dry-run-${this.versions}` };
    this.own.set(key, { info, bytes: kept });
    return info;
  }
}

const notKept = (key: string): Error =>
  storeError('failed', {
    message: `"${key}" was written in a dry run, which keeps no large objects`,
    hint: 'This is a mistake in the program, not in your set-up. Please report it.',
    context: { key },
  });
