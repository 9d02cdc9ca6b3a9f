import type { Clock } from '../../base/clock.ts';
import { MiB } from '../../base/bytes.ts';
import { byteRange } from '../byte-range.ts';
import { HeldUploads } from '../held-uploads.ts';
import { checkKey, compareKeys } from '../object-key.ts';
import { alreadyExists, changed, notFound } from '../outcomes.ts';
import { slices, waitForPace } from '../pace.ts';
import { putEach } from '../put-all.ts';
import type {
  GetOptions,
  ListOptions,
  NewObject,
  ObjectInfo,
  ObjectStore,
  PutAllOptions,
  PutOptions,
  UnnamedOptions,
  UnnamedUpload,
  Upload,
} from '../object-store.ts';

interface Entry {
  readonly info: ObjectInfo;
  readonly bytes: Buffer;
}

/** Part size of an upload; small, so that tests reach several parts with few bytes. */
const partSizeBytes = MiB;

/** A store in this process's memory: for tests, and for trying a configuration out. Holds at most what fits in RAM. */
export class MemoryStore implements ObjectStore {
  readonly label = 'memory:';
  private readonly entries = new Map<string, Entry>();
  private readonly uploads: HeldUploads;
  private readonly clock: Clock;
  private versions = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.uploads = new HeldUploads(clock);
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    checkKey(key);
    options.signal?.throwIfAborted();
    await waitForPace(bytes, options);
    options.signal?.throwIfAborted();
    return this.save(key, Buffer.from(bytes), options);
  }

  putAll(objects: readonly NewObject[], options: PutAllOptions): Promise<void> {
    return putEach(this, objects, { ...options, deferSync: true });
  }

  async startUpload(key: string, options: PutOptions = {}): Promise<Upload> {
    checkKey(key);
    options.signal?.throwIfAborted();
    return this.uploads.start(key, options, {
      partSizeBytes,
      keptBytes: Number.POSITIVE_INFINITY,
      save: (_size, bytes) => this.save(key, bytes as Buffer, options),
    });
  }

  async startUnnamed(prefix: string, options: UnnamedOptions = {}): Promise<UnnamedUpload> {
    options.signal?.throwIfAborted();
    let key = '';
    const upload = this.uploads.start(prefix, options, {
      partSizeBytes,
      keptBytes: Number.POSITIVE_INFINITY,
      save: (_size, bytes) => this.save(key, bytes as Buffer, {}),
    });
    const complete: UnnamedUpload['complete'] = async (name, count) => {
      key = checkKey(name);
      return upload.complete(count);
    };
    return { ...upload, complete };
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    const entry = this.entries.get(checkKey(key));
    if (entry === undefined) throw notFound(key);
    if (options.ifMatch !== undefined && options.ifMatch !== entry.info.etag) throw changed(key);
    const { start, end } = byteRange(key, entry.bytes.length, options);
    options.onInfo?.(entry.info);
    for (const slice of slices(entry.bytes.subarray(start, end), MiB)) {
      options.signal?.throwIfAborted();
      yield Uint8Array.from(slice);
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    signal?.throwIfAborted();
    return this.entries.get(checkKey(key))?.info;
  }

  async *list({ prefix = '', after, signal }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    signal?.throwIfAborted();
    const isWanted = (key: string): boolean =>
      key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0);
    const keys = [...this.entries.keys()].filter(isWanted).sort(compareKeys);
    for (const key of keys) {
      signal?.throwIfAborted();
      const entry = this.entries.get(key);
      if (entry !== undefined) yield entry.info;
    }
  }

  async sync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    for (const key of keys) this.entries.delete(checkKey(key));
  }

  async sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    return this.uploads.sweep(olderThan);
  }

  async close(): Promise<void> {}

  /** Check and write in one step, because nothing here waits. */
  private save(key: string, bytes: Buffer, { ifAbsent, ifMatch }: PutOptions): ObjectInfo {
    const current = this.entries.get(key);
    if (ifAbsent === true && current !== undefined) throw alreadyExists(key);
    if (ifMatch !== undefined && current?.info.etag !== ifMatch) throw changed(key);
    this.versions += 1;
    const info = { key, sizeBytes: bytes.length, modifiedAt: this.clock.now(), etag: `memory-${this.versions}` };
    this.entries.set(key, { info, bytes });
    return info;
  }
}
