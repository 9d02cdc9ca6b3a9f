import type { Clock } from '../base/clock.ts';
import { Semaphore } from '../base/concurrency.ts';
import type { GetOptions, ListOptions, ObjectInfo, ObjectStore, PutOptions, Upload } from './object-store.ts';
import { slices } from './pace.ts';
import { RateLimit } from './rate-limit.ts';

export interface Limits {
  /** Thousands of bytes per second that are sent, over all connections; no limit unless given. */
  readonly uploadKBps?: number;
  /** Thousands of bytes per second that are received, over all connections; no limit unless given. */
  readonly downloadKBps?: number;
  /** How many requests may be at work at once; 16 unless given, 128 for a folder. */
  readonly connections?: number;
}

/** Keeps a store from taking all of a network or of a server. */
export class LimitedStore implements ObjectStore {
  readonly label: string;
  private readonly store: ObjectStore;
  private readonly connections: Semaphore;
  private readonly upload: RateLimit | undefined;
  private readonly download: RateLimit | undefined;
  readonly putAll: ObjectStore['putAll'];
  readonly startUnnamed: ObjectStore['startUnnamed'];

  constructor(store: ObjectStore, clock: Clock, { uploadKBps, downloadKBps, connections = 16 }: Limits) {
    this.store = store;
    this.label = store.label;
    this.connections = new Semaphore(connections);
    this.upload = uploadKBps === undefined ? undefined : new RateLimit(uploadKBps, clock);
    this.download = downloadKBps === undefined ? undefined : new RateLimit(downloadKBps, clock);
    this.putAll =
      store.putAll &&
      ((...[objects, options]) =>
        this.connections.run(async () => store.putAll?.(objects, { ...options, ...this.paced(options) })));
    const { startUnnamed } = store;
    this.startUnnamed =
      startUnnamed &&
      (async (prefix, options = {}) => {
        const upload = await this.connections.run(() => startUnnamed.call(store, prefix, this.paced(options)));
        return { ...this.parts(upload), complete: (...end) => this.connections.run(() => upload.complete(...end)) };
      });
  }

  put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    return this.connections.run(() => this.store.put(key, bytes, this.paced(options)));
  }

  async startUpload(key: string, options: PutOptions = {}): Promise<Upload> {
    const upload = await this.connections.run(() => this.store.startUpload(key, this.paced(options)));
    return { ...this.parts(upload), complete: (count) => this.connections.run(() => upload.complete(count)) };
  }

  private parts(upload: Omit<Upload, 'complete'>): Omit<Upload, 'complete'> {
    return {
      partSizeBytes: (index) => upload.partSizeBytes(index),
      putPart: (index, bytes) => this.connections.run(() => upload.putPart(index, bytes)),
      abort: () => this.connections.run(() => upload.abort()),
    };
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    const { download } = this;
    for await (const chunk of this.whilePulled(this.store.get(key, options))) {
      if (download === undefined) yield chunk;
      else
        for (const slice of slices(chunk)) {
          await download.take(slice.length, options.signal);
          yield slice;
        }
    }
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.connections.run(() => this.store.head(key, signal));
  }

  list(options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    return this.whilePulled(this.store.list(options));
  }

  sync(signal?: AbortSignal): Promise<void> {
    return this.store.sync(signal);
  }

  delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.connections.run(() => this.store.delete(keys, signal));
  }

  sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    return this.connections.run(() => this.store.sweep(olderThan, signal));
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private paced(options: Pick<PutOptions, 'pace' | 'signal'>): PutOptions {
    const { upload } = this;
    if (upload === undefined) return options;
    return {
      ...options,
      pace: async (bytes) => {
        await options.pace?.(bytes);
        await upload.take(bytes, options.signal);
      },
    };
  }

  /**
   * Counts an answer that is being read only while its next bytes are awaited: a reader that meanwhile writes to the
   * same store must not wait for itself.
   */
  private async *whilePulled<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
    const iterator = items[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.connections.run(() => iterator.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
}
