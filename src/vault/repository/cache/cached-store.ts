import { collect, MiB } from '../../../base/bytes.ts';
import type { GetOptions, ListOptions, ObjectInfo, ObjectStore, PutOptions, Upload } from '../../../store/index.ts';
import { type FileKind, idOfKey } from '../layout.ts';
import { type CachedFiles, isKept } from './cached-files.ts';

/** No file that is kept is larger: packs grow by one huge tree at most. */
const largestBytes = 1024 * MiB;

/**
 * A store that keeps copies of some kinds of a repository's files on this machine: a file never changes, so a copy is as
 * good as the file. Lists come from the store itself; a copy of what they no longer name is removed.
 */
export class CachedStore implements ObjectStore {
  readonly label: string;
  private readonly store: ObjectStore;
  private readonly files: CachedFiles;
  private readonly kinds: readonly FileKind[];
  private readonly fetching = new Map<string, Promise<boolean>>();

  constructor(store: ObjectStore, files: CachedFiles, kinds: readonly FileKind[]) {
    this.store = store;
    this.label = store.label;
    this.files = files;
    this.kinds = kinds;
  }

  async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo> {
    const info = await this.store.put(key, bytes, options);
    if (isKept(key, this.kinds)) await this.files.write(key, bytes);
    return info;
  }

  startUpload(key: string, options?: PutOptions): Promise<Upload> {
    return this.store.startUpload(key, options);
  }

  get startUnnamed(): ObjectStore['startUnnamed'] {
    const { startUnnamed } = this.store;
    return startUnnamed && ((...start) => startUnnamed.apply(this.store, start));
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    const { offset = 0, length } = options;
    if (isKept(key, this.kinds)) {
      const range = { offset, length };
      const copy = await this.files.read(key, range);
      const bytes = copy ?? ((await this.fetch(key, options)) ? await this.files.read(key, range) : undefined);
      if (bytes) {
        yield bytes;
        return;
      }
    }
    yield* this.store.get(key, options);
  }

  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.store.head(key, signal);
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const kind = (['index', 'snapshots', 'data'] as const).find((one) => options.prefix === `${one}/`);
    const ids = new Set<string>();
    for await (const info of this.store.list(options)) {
      const id = kind && idOfKey(kind, info.key);
      if (id !== undefined) ids.add(id);
      yield info;
    }
    if (kind && options.after === undefined) await this.files.keepOnly(kind, ids);
  }

  sync(signal?: AbortSignal): Promise<void> {
    return this.store.sync(signal);
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    for (const key of keys) if (isKept(key)) await this.files.remove(key);
    await this.store.delete(keys, signal);
  }

  sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    return this.store.sweep(olderThan, signal);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  /** Fetches a whole file into the folder, once for all who ask meanwhile. False where that came to nothing. */
  private fetch(key: string, { signal }: GetOptions): Promise<boolean> {
    const under = this.fetching.get(key);
    if (under) return under;
    const fetched = this.fetchWhole(key, signal).finally(() => this.fetching.delete(key));
    this.fetching.set(key, fetched);
    return fetched;
  }

  private async fetchWhole(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    const whole = this.store.get(key, signal ? { signal } : {});
    try {
      return await this.files.write(key, await collect(whole, largestBytes));
    } catch {
      return false; // the store is asked again, and says it
    }
  }
}
