import { randomUUID } from 'node:crypto';
import { link, lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { alreadyExists, changed } from '../outcomes.ts';
import type { ObjectInfo, PutOptions } from '../object-store.ts';
import { attempt } from './local-errors.ts';
import { writeDirectly } from './direct-write.ts';
import { objectInfo } from './object-info.ts';
import { withKeyLock } from './key-lock.ts';
import { syncFolder, temporaryPrefix, type StoreFolder } from './store-folder.ts';

/** A file system without hard links answers one of these. */
const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

const makeParentsOf = (folder: StoreFolder, file: string, deferSync: boolean): Promise<void> =>
  deferSync ? folder.makeDeferredParents(file) : folder.makeParents(file);

/** The parents may be removed between making and using them, by a delete that found them empty. */
async function openBeside(
  folder: StoreFolder,
  file: string,
  deferSync: boolean,
): Promise<{ path: string; handle: FileHandle }> {
  for (let tries = 1; ; tries += 1) {
    const path = join(dirname(file), `${temporaryPrefix}${randomUUID()}`);
    try {
      await makeParentsOf(folder, file, deferSync);
      return { path, handle: await open(path, 'wx', 0o600) };
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || tries === 10) throw error;
    }
  }
}

/** An object that is being written: a file beside its final place, with a name that no object can have. */
export class TemporaryFile {
  private key: string;
  private file: string;
  private readonly path: string;
  private readonly handle: FileHandle;
  private readonly folder: StoreFolder;
  private readonly deferSync: boolean;
  private open = true;

  private constructor(
    place: { key: string; file: string; folder: StoreFolder; deferSync: boolean },
    path: string,
    handle: FileHandle,
  ) {
    this.key = place.key;
    this.file = place.file;
    this.folder = place.folder;
    this.deferSync = place.deferSync;
    this.path = path;
    this.handle = handle;
  }

  /** With `deferSync` its folder, too, is durable no sooner than the store's `sync` has resolved. */
  static async create(folder: StoreFolder, key: string, deferSync: boolean = false): Promise<TemporaryFile> {
    const file = folder.pathOf(key);
    const { path, handle } = await attempt({ act: 'write', path: file }, () => openBeside(folder, file, deferSync));
    return new TemporaryFile({ key, file, folder, deferSync }, path, handle);
  }

  /** Writes all of `bytes` at `position`. May be called concurrently for ranges that don't overlap. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    await attempt({ act: 'write', path: this.file }, async () => {
      let done = this.deferSync ? await writeDirectly(this.path, bytes, position) : 0;
      while (done < bytes.length) {
        const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    });
  }

  /** Puts the file, cut to `sizeBytes`, under its final name; durably, unless that is deferred. */
  async publish(sizeBytes: number, options: PutOptions, clock: Clock): Promise<ObjectInfo> {
    const { deferSync } = this;
    return attempt({ act: 'write', path: this.file }, async () => {
      await this.handle.truncate(sizeBytes);
      if (!deferSync) await this.handle.sync();
      const info = objectInfo(this.key, await this.handle.stat({ bigint: true }));
      await this.close();
      await this.rename(options, clock);
      if (!deferSync) await syncFolder(dirname(this.file));
      return info;
    });
  }

  /** The same under another key than that which it was created for; overwrites. */
  async publishAs(key: string, sizeBytes: number, clock: Clock): Promise<ObjectInfo> {
    const { folder, deferSync } = this;
    const file = folder.pathOf(key);
    this.key = key;
    this.file = file;
    await attempt({ act: 'write', path: file }, () => makeParentsOf(folder, file, deferSync));
    return this.publish(sizeBytes, {}, clock);
  }

  /** Removes what was written; harmless after `publish`. */
  async discard(): Promise<void> {
    await this.close();
    try {
      await unlink(this.path);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    await this.folder.removeEmptyParents(this.file);
  }

  private async close(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    await this.handle.close();
  }

  private async rename({ ifAbsent, ifMatch }: PutOptions, clock: Clock): Promise<void> {
    if (ifMatch !== undefined) {
      await withKeyLock(this.file, clock, async () => {
        if ((await this.current())?.etag !== ifMatch) throw changed(this.key);
        await rename(this.path, this.file);
      });
    } else if (ifAbsent === true) await this.linkAbsent(clock);
    else await this.overwrite();
  }

  /** The folder of a file that got its name late may be removed, as openBeside says. */
  private async overwrite(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await rename(this.path, this.file);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || dirname(this.path) === dirname(this.file) || tries === 10) throw error;
        await makeParentsOf(this.folder, this.file, this.deferSync);
      }
    }
  }

  /** link() refuses a taken name in the same step in which it gives the name. */
  private async linkAbsent(clock: Clock): Promise<void> {
    try {
      await link(this.path, this.file);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') throw alreadyExists(this.key, error);
      if (!noLinks.has(systemCode(error) ?? '')) throw error;
      await withKeyLock(this.file, clock, async () => {
        if ((await this.current()) !== undefined) throw alreadyExists(this.key);
        await rename(this.path, this.file);
      });
      return;
    }
    await unlink(this.path);
  }

  private async current(): Promise<ObjectInfo | undefined> {
    try {
      return objectInfo(this.key, await lstat(this.file, { bigint: true }));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
