import { setTimeout as delay } from 'node:timers/promises';
import { putEach } from '../put-all.ts';
import type {
  GetOptions,
  ListOptions,
  NewObject,
  ObjectInfo,
  ObjectStore,
  PutAllOptions,
  PutOptions,
  Upload,
} from '../object-store.ts';
import { storeError } from '../errors.ts';

export type FaultyMethod =
  | 'put'
  | 'startUpload'
  | 'putPart'
  | 'complete'
  | 'abort'
  | 'get'
  | 'head'
  | 'list'
  | 'sync'
  | 'delete'
  | 'sweep';

/** One thing that goes wrong, once. */
export interface Fault {
  /** Thrown; a retryable store/unavailable unless given. Null lets the call succeed (for a mere delay). */
  readonly error?: Error | null;
  /** True does the work first and loses the answer; else nothing is done. For get and list: see `items`. */
  readonly after?: boolean;
  /** For get and list: how many bytes or objects are given before it fails. */
  readonly items?: number;
  readonly delayMs?: number;
}

const defaultError = (method: string): Error =>
  storeError('unavailable', { message: `${method}: an injected fault`, retryable: true });

/** A store whose calls fail as a test has queued it. `assertAllUsed` finds the faults that never happened. */
export class FaultyStore implements ObjectStore {
  readonly label: string;
  private readonly store: ObjectStore;
  private readonly queues = new Map<FaultyMethod, Fault[]>();
  /** Calls per method, failed ones included. */
  readonly calls = new Map<FaultyMethod, number>();

  constructor(store: ObjectStore) {
    this.store = store;
    this.label = store.label;
  }

  /** The next calls of `method` that have no fault yet suffer these, one each. */
  fail(method: FaultyMethod, ...faults: readonly Fault[]): this {
    this.queues.set(method, [...(this.queues.get(method) ?? []), ...faults]);
    return this;
  }

  assertAllUsed(): void {
    const left = [...this.queues]
      .filter(([, faults]) => faults.length > 0)
      .map(([method, f]) => `${f.length} ${method}`);
    if (left.length > 0) throw new Error(`faults that never happened: ${left.join(', ')}`);
  }

  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo> {
    return this.call('put', () => this.store.put(key, bytes, options));
  }

  /** Each object suffers the faults of `put`. */
  putAll(objects: readonly NewObject[], options: PutAllOptions): Promise<void> {
    return putEach(this, objects, { ...options, deferSync: true });
  }

  async startUpload(key: string, options?: PutOptions): Promise<Upload> {
    const upload = await this.call('startUpload', () => this.store.startUpload(key, options));
    return {
      partSizeBytes: (index) => upload.partSizeBytes(index),
      putPart: (index, bytes) => this.call('putPart', () => upload.putPart(index, bytes)),
      complete: (count) => this.call('complete', () => upload.complete(count)),
      abort: () => this.call('abort', () => upload.abort()),
    };
  }

  get startUnnamed(): ObjectStore['startUnnamed'] {
    const { startUnnamed } = this.store;
    return (
      startUnnamed &&
      (async (prefix, options) => {
        const upload = await this.call('startUpload', () => startUnnamed.call(this.store, prefix, options));
        return {
          partSizeBytes: (index) => upload.partSizeBytes(index),
          putPart: (index, bytes) => this.call('putPart', () => upload.putPart(index, bytes)),
          complete: (...end) => this.call('complete', () => upload.complete(...end)),
          abort: () => this.call('abort', () => upload.abort()),
        };
      })
    );
  }

  async *get(key: string, options?: GetOptions): AsyncGenerator<Uint8Array> {
    const fault = this.next('get');
    if (fault?.delayMs !== undefined) await delay(fault.delayMs);
    if (fault === undefined || fault.error === null) return yield* this.store.get(key, options);
    let left = fault.items ?? 0;
    if (left > 0)
      for await (const chunk of this.store.get(key, options)) {
        const part = chunk.subarray(0, left);
        left -= part.length;
        yield part;
        if (left === 0) break;
      }
    throw fault.error ?? defaultError('get');
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.call('head', () => this.store.head(key, signal));
  }

  async *list(options?: ListOptions): AsyncGenerator<ObjectInfo> {
    const fault = this.next('list');
    if (fault?.delayMs !== undefined) await delay(fault.delayMs);
    let left = fault === undefined || fault.error === null ? Infinity : (fault.items ?? 0);
    if (left > 0)
      for await (const info of this.store.list(options)) {
        yield info;
        left -= 1;
        if (left === 0) break;
      }
    if (fault !== undefined && fault.error !== null) throw fault.error ?? defaultError('list');
  }

  sync(signal?: AbortSignal): Promise<void> {
    return this.call('sync', () => this.store.sync(signal));
  }

  delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.call('delete', () => this.store.delete(keys, signal));
  }

  sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    return this.call('sweep', () => this.store.sweep(olderThan, signal));
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private next(method: FaultyMethod): Fault | undefined {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    return this.queues.get(method)?.shift();
  }

  private async call<Result>(method: FaultyMethod, work: () => Promise<Result>): Promise<Result> {
    const fault = this.next(method);
    if (fault?.delayMs !== undefined) await delay(fault.delayMs);
    if (fault === undefined || fault.error === null) return work();
    if (fault.after === true) await work();
    throw fault.error ?? defaultError(method);
  }
}
