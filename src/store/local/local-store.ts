import { constants } from 'node:fs';
import { lstat, open, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MiB } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { forEachConcurrently } from '../../base/concurrency.ts';
import { systemCode } from '../../base/errors.ts';
import { byteRange } from '../byte-range.ts';
import { alreadyExists, changed, notFound, shortRead } from '../outcomes.ts';
import { waitForPace } from '../pace.ts';
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
import { putEach } from '../put-all.ts';
import { attempt } from './local-errors.ts';
import { localUpload, unnamedLocalUpload } from './local-upload.ts';
import { objectInfo } from './object-info.ts';
import { putDeferred } from './put-deferred.ts';
import { StoreFolder, syncFolder } from './store-folder.ts';
import { TemporaryFile } from './temporary-file.ts';
import { walkObjects } from './walk-objects.ts';
import { walkTemporaryFiles } from './walk-temporary-files.ts';

const readSizeBytes = MiB;
/** In so many folders files are deleted at once. */
const foldersAtOnce = 6;

/** A path that leads nowhere: the object, or the folder that it would be in, isn't there. */
const isAbsence = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '');

/** A store whose objects are files below one folder, which is created at the first write. */
export class LocalStore implements ObjectStore {
  readonly label: string;
  private readonly folder: StoreFolder;
  private readonly clock: Clock;

  constructor(path: string, clock: Clock) {
    this.folder = new StoreFolder(path);
    this.label = this.folder.path;
    this.clock = clock;
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    options.signal?.throwIfAborted();
    this.folder.pathOf(key); // a bad key is told before anything is waited for
    if (options.pace) await waitForPace(bytes, options);
    await this.refuse(key, options);
    const temporary = await TemporaryFile.create(this.folder, key, options.deferSync);
    try {
      await temporary.write(bytes, 0);
      options.signal?.throwIfAborted();
      return await temporary.publish(bytes.length, options, this.clock);
    } catch (error) {
      await temporary.discard().catch(() => {}); // the first failure is the one to tell; sweep finds the file
      throw error;
    }
  }

  async putAll(objects: readonly NewObject[], options: PutAllOptions): Promise<void> {
    const { signal, onDone } = options;
    signal?.throwIfAborted();
    if (options.pace) for (const { bytes } of objects) await waitForPace(bytes, options);
    const failures = await putDeferred(this.folder, objects);
    const again: number[] = [];
    for (const index of objects.keys()) {
      const failure = failures.get(index);
      if (failure?.isRace) again.push(index);
      else onDone(index, failure?.error);
    }
    // A put by itself makes sure of each folder, as often as it takes.
    const left = again.map((index) => objects[index] as NewObject);
    const onDoneAgain = (at: number, error?: unknown): void => onDone(again[at] as number, error);
    await putEach(this, left, { ...(signal && { signal }), deferSync: true, onDone: onDoneAgain });
  }

  async startUpload(key: string, options: PutOptions = {}): Promise<Upload> {
    options.signal?.throwIfAborted();
    const temporary = await TemporaryFile.create(this.folder, key, options.deferSync);
    return localUpload(temporary, key, { options, clock: this.clock });
  }

  async startUnnamed(prefix: string, options: UnnamedOptions = {}): Promise<UnnamedUpload> {
    options.signal?.throwIfAborted();
    const temporary = await TemporaryFile.create(this.folder, `${prefix}unnamed`, options.deferSync);
    return unnamedLocalUpload(temporary, prefix, { options, clock: this.clock });
  }

  async *get(key: string, options: GetOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted();
    const path = this.folder.pathOf(key);
    const handle = await attempt({ act: 'read', path }, () => this.openObject(key, path));
    try {
      const info = objectInfo(key, await handle.stat({ bigint: true }));
      if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw changed(key);
      const { start, end } = byteRange(key, info.sizeBytes, options);
      options.onInfo?.(info);
      for (let at = start; at < end;) {
        options.signal?.throwIfAborted();
        const buffer = options.into?.subarray(at - start) ?? Buffer.allocUnsafeSlow(Math.min(readSizeBytes, end - at));
        const { bytesRead } = await attempt({ act: 'read', path }, () => handle.read(buffer, 0, buffer.length, at));
        if (bytesRead === 0) throw shortRead(key, end - start, at - start);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    signal?.throwIfAborted();
    const path = this.folder.pathOf(key);
    try {
      await this.folder.checkInside(path);
      const stats = await lstat(path, { bigint: true });
      return stats.isFile() ? objectInfo(key, stats) : undefined;
    } catch (error) {
      if (isAbsence(error)) return undefined;
      return attempt({ act: 'read', path }, () => Promise.reject(error));
    }
  }

  list(options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    return walkObjects(this.folder, options);
  }

  async sync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await attempt({ act: 'sync', path: this.folder.path }, () => this.folder.sync());
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const paths = keys.map((key) => this.folder.pathOf(key));
    const folders = Map.groupBy(paths, (path) => dirname(path)).values();
    await forEachConcurrently(folders, foldersAtOnce, (inFolder) => this.deleteIn(inFolder, signal));
  }

  async sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    let removed = 0;
    const { path } = this.folder;
    await attempt({ act: 'sweep', path }, async () => {
      for await (const file of walkTemporaryFiles(path, { olderThan, clock: this.clock })) {
        signal?.throwIfAborted();
        if (!(await this.remove(file))) continue;
        removed += 1;
        await this.folder.removeEmptyParents(file);
      }
    });
    return removed;
  }

  async close(): Promise<void> {
    await this.folder.close();
  }

  /** What would not be put under its name need not be written and synced first; whether it is, is judged in that step. */
  private async refuse(key: string, { ifAbsent, ifMatch, signal }: PutOptions): Promise<void> {
    if (ifAbsent !== true && ifMatch === undefined) return;
    const etag = (await this.head(key, signal))?.etag;
    if (ifAbsent === true && etag !== undefined) throw alreadyExists(key);
    if (ifMatch !== undefined && etag !== ifMatch) throw changed(key);
  }

  private async openObject(key: string, path: string): Promise<FileHandle> {
    let handle: FileHandle;
    try {
      await this.folder.checkInside(path);
      // O_NONBLOCK: a FIFO that someone put there must not hang us.
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (isAbsence(error)) throw notFound(key, error);
      throw error;
    }
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw notFound(key);
  }

  /** Deletes files of one folder, durably; then the folder, and those above it, where nothing else is in them. */
  private async deleteIn(paths: readonly string[], signal?: AbortSignal): Promise<void> {
    let removed: string | undefined;
    for (const path of paths) {
      signal?.throwIfAborted();
      if (await attempt({ act: 'delete', path }, () => this.remove(path))) removed = path;
    }
    if (removed === undefined) return;
    const path = dirname(removed);
    await attempt({ act: 'delete', path }, () => syncFolder(path)).catch((error: unknown) => {
      if (!isAbsence((error as Error).cause)) throw error; // a concurrent delete removed the empty folder
    });
    await this.folder.removeEmptyParents(removed);
  }

  /** Removes a file; false when there is none. */
  private async remove(path: string): Promise<boolean> {
    try {
      await this.folder.checkInside(path);
      await unlink(path);
      return true;
    } catch (error) {
      const isFolder = systemCode(error) === 'EISDIR' || (systemCode(error) === 'EPERM' && (await isDirectory(path)));
      if (isAbsence(error) || isFolder) return false;
      throw error;
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
}
