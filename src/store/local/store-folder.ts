import { mkdir, open, realpath, rmdir } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type HoldfastError, systemCode } from '../../base/errors.ts';
import { FileSystemSync } from './file-system-sync.ts';
import { storeError } from '../errors.ts';
import { checkKey } from '../object-key.ts';
import type { NewObject } from '../object-store.ts';
import type { WriteFailure } from './write-files.ts';
import { WriteQueue } from './write-queue.ts';

/** Begins the names of files that are no objects (yet). No key may have a segment that begins so. */
export const temporaryPrefix = '.holdfast-tmp-';

/** A file system's own folder for what its repair found; closed to all but root, and never an object. */
const repairFolder = 'lost+found';

/** True for a name at `depth` folders below the store's that no object has. */
export function isReserved(name: string, depth: number): boolean {
  return name.startsWith(temporaryPrefix) || (depth === 0 && name === repairFolder);
}

/** Makes the entries of a folder durable: what was created in, renamed into or removed from it. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems can't sync a folder; they write its entries through.
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

/** The folder of a local store: maps keys to paths, and never out of itself, not even through a symbolic link. */
export class StoreFolder {
  readonly path: string;
  private root: string | undefined;
  /** Folders whose own entry in their parent is known to be on the disk. */
  private readonly durable = new Set<string>();
  /** Folders that were there, durable or not. */
  private readonly present = new Set<string>();
  private deferred: FileSystemSync | undefined;
  private readonly writes = new WriteQueue();

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** The path of an object. Throws store/bad-key for a key that can't be a file here. */
  pathOf(key: string): string {
    const segments = checkKey(key).split('/');
    const reserved = segments.find(isReserved);
    if (reserved === undefined) return this.path === sep ? sep + key : this.path + sep + key;
    throw storeError('bad-key', {
      message: `"${key}" can't be kept in a folder: the name "${reserved}" is reserved`,
      hint: 'Rename the file, or exclude it.',
      context: { key },
    });
  }

  keyOf(path: string): string {
    return relative(this.path, path).split(sep).join('/');
  }

  /** Throws unless the folder of `file` is really where its path says. Rejects with ENOENT when there is none. */
  async checkInside(file: string): Promise<void> {
    this.root ??= await realpath(this.path);
    const folder = dirname(file);
    const real = await realpath(folder);
    if (real === join(this.root, relative(this.path, folder))) return;
    throw leadsAway(folder, real);
  }

  /** Creates the folder of `file` with its parents, durably. Rejects like `checkInside`. */
  async makeParents(file: string): Promise<void> {
    if (this.durable.has(dirname(file)) && (await this.isInside(file))) return;
    await this.makeEach(file, (child) => this.makeDurable(child, false));
  }

  /** The same, but durable no sooner than `sync` has resolved. */
  async makeDeferredParents(file: string): Promise<void> {
    if (this.present.has(dirname(file)) && (await this.isInside(file))) return;
    await this.makeEach(file, (child) => makeFolder(child, false));
    this.deferSync();
    this.present.add(dirname(file));
  }

  /** To be called before what is written may be left for `sync` to make durable. */
  deferSync(): FileSystemSync {
    return (this.deferred ??= new FileSystemSync(this.path));
  }

  /**
   * Writes small files, and before them the folders that they need, for `sync` to make durable. Returns those that could
   * not be written. Rejects with the system's error when the store's own folder can't be made.
   */
  async writeDeferred(files: readonly NewObject[]): Promise<readonly WriteFailure[]> {
    if (!this.durable.has(this.path)) await this.makeDurable(this.path, true);
    const deferred = this.deferSync();
    this.root ??= await realpath(this.path);
    const failures = await this.writes.write({ root: this.path, realRoot: this.root, temporaryPrefix }, files);
    deferred.wrote(files.reduce((sum, { bytes }) => sum + bytes.length, 0));
    return failures;
  }

  /** Makes everything in the folder durable. Throws when something that was deferred was lost. */
  async sync(): Promise<void> {
    await this.deferred?.sync();
  }

  async close(): Promise<void> {
    await this.writes.close();
    await this.deferred?.close();
    this.deferred = undefined;
  }

  /** Removes the folders above `file` that became empty, up to the store's own. */
  async removeEmptyParents(file: string): Promise<void> {
    for (let at = dirname(file); at.startsWith(this.path + sep); at = dirname(at)) {
      this.durable.delete(at);
      this.present.delete(at);
      try {
        await rmdir(at);
      } catch {
        return; // not empty, or already gone: neither matters
      }
    }
  }

  /** Step by step: making all at once would follow a symbolic link and create folders elsewhere. */
  private async makeEach(file: string, make: (folder: string) => Promise<unknown>): Promise<void> {
    await this.makeDurable(this.path, true);
    let child = this.path;
    for (const segment of relative(this.path, dirname(file)).split(sep).filter(Boolean)) {
      child = join(child, segment);
      await this.checkInside(child);
      await make(child);
    }
    await this.checkInside(file);
  }

  /** `checkInside`, but false when there is no such folder. */
  private async isInside(file: string): Promise<boolean> {
    try {
      await this.checkInside(file);
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  private async makeDurable(folder: string, recursive: boolean): Promise<void> {
    const isNew = await makeFolder(folder, recursive);
    if (isNew === undefined && this.durable.has(folder)) return;
    // Someone else may have created it a moment ago and not have synced it yet: only our own sync counts.
    const top = isNew ?? folder;
    for (let at = folder; at.length >= top.length && at !== dirname(at); at = dirname(at))
      await syncFolder(dirname(at)).catch((error: unknown) => {
        // What is above the store's folder may be closed to us; then its owner created ours, long ago.
        if (isNew !== undefined || systemCode(error) !== 'EACCES') throw error;
      });
    this.durable.add(folder);
  }
}

/**
 * Returns the topmost folder that had to be created, or undefined when the folder was there. Not by Node's recursive
 * mkdir: that says "no such file" where the system says "read-only".
 */
async function makeFolder(folder: string, recursive: boolean): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return undefined;
    if (!recursive || systemCode(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
  }
  const top = await makeFolder(dirname(folder), true);
  const own = await makeFolder(folder, false);
  return top ?? own;
}

/** The error of a folder that is really at `real`. */
export function leadsAway(folder: string, real: string): HoldfastError {
  return storeError('bad-key', {
    message: `The folder ${folder} leads through a symbolic link to ${real}`,
    hint: "Replace the link by a folder (or a bind mount): objects never lead out of the store's folder.",
    context: { path: folder },
  });
}
