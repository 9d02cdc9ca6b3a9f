import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { LogFields, Logger } from '../base/log.ts';
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

/** Writes one debug line for each attempt: what, which key, how many bytes, how long, and how it failed. */
export class LoggedStore implements ObjectStore {
  readonly label: string;
  private readonly store: ObjectStore;
  private readonly logger: Logger;
  private readonly clock: Clock;
  readonly putAll: ObjectStore['putAll'];
  readonly startUnnamed: ObjectStore['startUnnamed'];

  constructor(store: ObjectStore, logger: Logger, clock: Clock) {
    this.store = store;
    this.label = store.label;
    this.logger = logger;
    this.clock = clock;
    this.putAll = store.putAll && ((objects, options) => this.putAllOf(objects, options));
    const { startUnnamed } = store;
    this.startUnnamed =
      startUnnamed &&
      (async (prefix, options) => {
        const upload = await this.timed('start upload', { prefix }, () => startUnnamed.call(store, prefix, options));
        const complete: UnnamedUpload['complete'] = (key, parts) =>
          this.timed('complete upload', { key, parts }, () => upload.complete(key, parts));
        return { ...this.parts(upload, { prefix }), complete };
      });
  }

  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo> {
    return this.timed('put', { key, bytes: bytes.length }, () => this.store.put(key, bytes, options));
  }

  async startUpload(key: string, options?: PutOptions): Promise<Upload> {
    const upload = await this.timed('start upload', { key }, () => this.store.startUpload(key, options));
    return {
      ...this.parts(upload, { key }),
      complete: (parts) => this.timed('complete upload', { key, parts }, () => upload.complete(parts)),
    };
  }

  private parts(upload: Omit<Upload, 'complete'>, what: LogFields): Omit<Upload, 'complete'> {
    return {
      partSizeBytes: (index) => upload.partSizeBytes(index),
      putPart: (part, bytes) =>
        this.timed('put part', { ...what, part, bytes: bytes.length }, () => upload.putPart(part, bytes)),
      abort: () => this.timed('abort upload', what, () => upload.abort()),
    };
  }

  get(key: string, options?: GetOptions): AsyncIterable<Uint8Array> {
    const { offset, length } = options ?? {};
    return this.counted('get', { key, offset, length }, this.store.get(key, options), (chunk) => ({
      bytes: chunk.length,
    }));
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.timed('head', { key }, () => this.store.head(key, signal));
  }

  list(options?: ListOptions): AsyncIterable<ObjectInfo> {
    const { prefix, after } = options ?? {};
    return this.counted('list', { prefix, after }, this.store.list(options), () => ({ objects: 1 }));
  }

  sync(signal?: AbortSignal): Promise<void> {
    return this.timed('sync', {}, () => this.store.sync(signal));
  }

  delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.timed('delete', { key: keys[0], objects: keys.length }, () => this.store.delete(keys, signal));
  }

  sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    return this.timed('sweep', { olderThan: olderThan.toISOString() }, () => this.store.sweep(olderThan, signal));
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** One line for all, which tells how many failed, and how the first of these. */
  private async putAllOf(objects: readonly NewObject[], options: PutAllOptions): Promise<void> {
    const bytes = objects.reduce((sum, object) => sum + object.bytes.length, 0);
    const fields: Record<string, unknown> = { key: objects[0]?.key, objects: objects.length, bytes };
    let failures = 0;
    const onDone = (index: number, error?: unknown): void => {
      if (error !== undefined) {
        failures += 1;
        if (failures === 1) fields['failed'] = `${objects[index]?.key}: ${messageOf(error)}`;
        fields['failures'] = failures;
      }
      options.onDone(index, error);
    };
    await this.timed('put all', fields, async () => this.store.putAll?.(objects, { ...options, onDone }));
  }

  private write(operation: string, startedMs: number, fields: LogFields): void {
    const ms = Math.round(this.clock.monotonicMs() - startedMs);
    this.logger.debug(`store: ${operation}`, { store: this.label, ...fields, ms });
  }

  private async timed<Result>(operation: string, fields: LogFields, work: () => Promise<Result>): Promise<Result> {
    const startedMs = this.clock.monotonicMs();
    try {
      const result = await work();
      this.write(operation, startedMs, fields);
      return result;
    } catch (error) {
      this.write(operation, startedMs, { ...fields, failed: messageOf(error) });
      throw error;
    }
  }

  private async *counted<Item>(
    operation: string,
    fields: LogFields,
    items: AsyncIterable<Item>,
    count: (item: Item) => Readonly<Record<string, number>>,
  ): AsyncGenerator<Item> {
    const startedMs = this.clock.monotonicMs();
    const totals: Record<string, number> = {};
    let failed: string | undefined;
    try {
      for await (const item of items) {
        for (const [name, value] of Object.entries(count(item))) totals[name] = (totals[name] ?? 0) + value;
        yield item;
      }
    } catch (error) {
      failed = messageOf(error);
      throw error;
    } finally {
      this.write(operation, startedMs, { ...fields, ...totals, failed });
    }
  }
}
