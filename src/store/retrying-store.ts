import { hasCode, HoldfastError } from '../base/errors.ts';
import { forEachConcurrently } from '../base/concurrency.ts';
import type {
  GetOptions,
  ListOptions,
  NewObject,
  ObjectInfo,
  ObjectStore,
  PutAllOptions,
  PutOptions,
  UnnamedUpload,
  Upload,
} from './object-store.ts';
import { RetryPolicy, type RetryContext, type RetryOptions } from './retry-policy.ts';

/** A dead store must not keep a failed run from ending. */
const abortTimeoutMs = 60_000;

/** Tries again what failed in passing. The only place where anything of a store is repeated. */
export class RetryingStore implements ObjectStore {
  readonly label: string;
  private readonly store: ObjectStore;
  private readonly policy: RetryPolicy;
  readonly putAll: ObjectStore['putAll'];
  readonly startUnnamed: ObjectStore['startUnnamed'];

  constructor(store: ObjectStore, context: RetryContext, options: RetryOptions = {}) {
    this.store = store;
    this.label = store.label;
    this.policy = new RetryPolicy(options, context);
    this.putAll = store.putAll && ((objects, allOptions) => this.putAllOf(objects, allOptions));
    const { startUnnamed } = store;
    this.startUnnamed =
      startUnnamed &&
      (async (prefix, unnamedOptions = {}) => {
        const { signal } = unnamedOptions;
        const start = (): Promise<UnnamedUpload> => startUnnamed.call(store, prefix, unnamedOptions);
        const upload = await this.policy.run(`start upload to ${prefix}`, start, signal);
        const complete: UnnamedUpload['complete'] = (key, count) =>
          this.policy.run(`complete ${key}`, () => upload.complete(key, count), signal);
        return { ...this.parts(upload, prefix, signal), complete };
      });
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    const retries = this.policy.start(`put ${key}`, options.signal);
    for (;;) {
      try {
        return await this.store.put(key, bytes, options);
      } catch (error) {
        // The answer to an attempt of ours may have been lost: then the condition fails because of ourselves.
        if (retries.failures > 0 && hasCode(error, 'store/already-exists', 'store/changed')) {
          const info = await this.isStored(key, bytes, options.signal);
          if (info !== undefined) return info;
        }
        await retries.afterFailure(error);
      }
    }
  }

  async startUpload(key: string, options: PutOptions = {}): Promise<Upload> {
    const { signal } = options;
    const upload = await this.policy.run(`start upload of ${key}`, () => this.store.startUpload(key, options), signal);
    return {
      ...this.parts(upload, key, signal),
      complete: (count) => this.policy.run(`complete ${key}`, () => upload.complete(count), signal),
    };
  }

  private parts(upload: Omit<Upload, 'complete'>, what: string, signal?: AbortSignal): Omit<Upload, 'complete'> {
    return {
      partSizeBytes: (index) => upload.partSizeBytes(index),
      putPart: (index, bytes) =>
        this.policy.run(`put part ${index} of ${what}`, () => upload.putPart(index, bytes), signal),
      // Under a signal of its own: whoever was told to stop still has to clean up, but not for long.
      abort: () =>
        this.policy.run(`abort upload of ${what}`, () => upload.abort(), AbortSignal.timeout(abortTimeoutMs)),
    };
  }

  /** Goes on where the bytes broke off, as long as the object is still the same. */
  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    const retries = this.policy.start(`get ${key}`, options.signal);
    let received = 0;
    let etag = options.ifMatch;
    let told = false;
    const onInfo = (info: ObjectInfo): void => {
      etag ??= info.etag;
      if (!told) options.onInfo?.(info);
      told = true;
    };
    for (;;) {
      try {
        for await (const chunk of this.store.get(key, { ...rest(options, received), onInfo, ...match(etag) })) {
          received += chunk.length;
          retries.progressed();
          yield chunk;
        }
        return;
      } catch (error) {
        if (received > 0 && received === options.length) return; // it broke when nothing was missing any more
        await retries.afterFailure(error);
      }
    }
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.policy.run(`head ${key}`, () => this.store.head(key, signal), signal);
  }

  /** Goes on after the last key that was seen. */
  async *list(options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const retries = this.policy.start(`list ${options.prefix ?? ''}`, options.signal);
    let { after } = options;
    for (;;) {
      try {
        for await (const info of this.store.list(after === undefined ? options : { ...options, after })) {
          after = info.key;
          retries.progressed();
          yield info;
        }
        return;
      } catch (error) {
        await retries.afterFailure(error);
      }
    }
  }

  /** Not repeated: a disk tells only once that it has lost something. */
  sync(signal?: AbortSignal): Promise<void> {
    return this.store.sync(signal);
  }

  delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.policy.run(`delete ${keys.length} objects`, () => this.store.delete(keys, signal), signal);
  }

  sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    return this.policy.run('sweep', () => this.store.sweep(olderThan, signal), signal);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** What failed in passing is tried again, each by itself: it is seldom more than a few. */
  private async putAllOf(objects: readonly NewObject[], { onDone, signal, ...rest }: PutAllOptions): Promise<void> {
    const options = { ...rest, ...(signal && { signal }) };
    const again: { readonly index: number; readonly error: unknown }[] = [];
    await this.store.putAll?.(objects, {
      ...options,
      onDone: (index, error) => {
        if (error instanceof HoldfastError && error.retryable) again.push({ index, error });
        else onDone(index, error);
      },
    });
    await forEachConcurrently(again, again.length, async ({ index, error }) => {
      const { key, bytes } = objects[index] as NewObject;
      let failed: unknown = error;
      const put = async (): Promise<void> => {
        const before = failed;
        failed = undefined;
        if (before !== undefined) throw before;
        await this.store.put(key, bytes, { ...options, deferSync: true });
      };
      const left = await this.policy.run(`put ${key}`, put, signal).catch((last: unknown) => ({ last }));
      signal?.throwIfAborted();
      onDone(index, left?.last);
    });
  }

  /** What is known of the object if it holds exactly `bytes`. */
  private async isStored(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    let info: ObjectInfo | undefined;
    let offset = 0;
    const onInfo = (found: ObjectInfo): void => void (info = found);
    try {
      for await (const chunk of this.get(key, { onInfo, ...(signal ? { signal } : {}) })) {
        if (Buffer.compare(chunk, bytes.subarray(offset, offset + chunk.length)) !== 0) return undefined;
        offset += chunk.length;
      }
    } catch (error) {
      if (hasCode(error, 'store/not-found', 'store/changed')) return undefined;
      throw error;
    }
    return offset === bytes.length ? info : undefined;
  }
}

function rest(options: GetOptions, received: number): GetOptions {
  if (received === 0) return options;
  return {
    ...options,
    offset: (options.offset ?? 0) + received,
    ...(options.length !== undefined && { length: options.length - received }),
    ...(options.into && { into: options.into.subarray(received) }),
  };
}

const match = (etag: string | undefined): GetOptions => (etag === undefined ? {} : { ifMatch: etag });
