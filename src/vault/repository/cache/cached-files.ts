import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, type Clock } from '../../../base/clock.ts';
import { fileKey, type FileKind, idOfKey } from '../layout.ts';

const day = 24 * 60 * 60 * 1000;
/** A repository that nobody has opened for so long has no cache any more, as restic has it. */
const unusedMs = 30 * day;
/** So that programs which leave out caches leave out ours (https://bford.info/cachedir/). */
const tag =
  'Signature: 8a477f597d28d172789f06886806bc55\n# Metadata of backup repositories, which can be fetched again.\n';

const kept: readonly FileKind[] = ['index', 'snapshots', 'data'];

/** The bytes of a file that lie in a range. */
export interface FileRange {
  readonly offset: number;
  readonly length?: number | undefined;
}

/**
 * Copies of a repository's files in a folder of this machine, only its owner's. What is in a copy is believed when its
 * hash is its name, once in a process; seals and names of blobs are checked by whoever reads them, as of any file.
 */
export class CachedFiles {
  private readonly folder: string;
  private readonly sound = new Set<string>();

  /** The folder of one repository. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** The bytes of a copy, or undefined where there is none that is whole. */
  async read(key: string, { offset, length }: FileRange = { offset: 0 }): Promise<Buffer | undefined> {
    if (!(await this.isSound(key))) return undefined;
    try {
      const file = await open(this.pathOf(key), 'r');
      try {
        const { size } = await file.stat();
        const end = length === undefined ? size : offset + length;
        if (end > size) return undefined; // the store is to say what is wrong with it
        const bytes = Buffer.allocUnsafe(end - offset);
        const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
        return bytesRead === bytes.length ? bytes : undefined;
      } finally {
        await file.close();
      }
    } catch {
      return undefined;
    }
  }

  /** Keeps a copy, if its bytes are what its name says. What can't be written is not kept: a cache fails nobody. */
  async write(key: string, bytes: Uint8Array): Promise<boolean> {
    if (hashOf(bytes) !== nameOf(key)) return false;
    const path = this.pathOf(key);
    const temporary = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
      await writeFile(temporary, Buffer.from(bytes), { mode: 0o600, flag: 'wx' });
      await rename(temporary, path);
      this.sound.add(key);
      return true;
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
      return false;
    }
  }

  async remove(key: string): Promise<void> {
    this.sound.delete(key);
    await rm(this.pathOf(key), { force: true }).catch(() => {});
  }

  /** Removes the copies of a kind that are none of `ids`: their files have vanished from the repository. */
  async keepOnly(kind: FileKind, ids: ReadonlySet<string>): Promise<void> {
    const names = await readdir(join(this.folder, kind), { recursive: true }).catch(() => []);
    for (const name of names) {
      const id = idOfKey(kind, `${kind}/${name}`);
      if (id !== undefined && !ids.has(id)) await this.remove(fileKey(kind, id));
    }
  }

  /** True for a copy whose hash is its name. One that is damaged is removed. */
  private async isSound(key: string): Promise<boolean> {
    if (this.sound.has(key)) return true;
    const hash = createHash('sha256');
    try {
      const file = await open(this.pathOf(key), 'r');
      for await (const chunk of file.createReadStream()) hash.update(chunk as Buffer);
    } catch {
      return false;
    }
    if (hash.digest('hex') !== nameOf(key)) {
      await this.remove(key);
      return false;
    }
    this.sound.add(key);
    return true;
  }

  private pathOf(key: string): string {
    return join(this.folder, key);
  }
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** True for a key whose file may be kept: packs of data would be all of the repository. */
export const isKept = (key: string, kinds: readonly FileKind[] = kept): boolean =>
  kinds.some((kind) => idOfKey(kind, key) !== undefined);

/**
 * Opens the folder of a repository in the folder of all caches, and removes those of repositories that were not opened
 * for long. Undefined when there can be none: a disk that is full, a home that can't be written.
 */
export async function openCachedFiles(cacheDir: string, id: string, clock: Clock): Promise<CachedFiles | undefined> {
  const folder = join(cacheDir, id);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(cacheDir, 'CACHEDIR.TAG'), tag, { mode: 0o600 });
    await utimes(folder, clock.now(), clock.now());
    await removeUnused(cacheDir, before(clock.now(), unusedMs));
    return new CachedFiles(folder);
  } catch {
    return undefined;
  }
}

async function removeUnused(cacheDir: string, olderThan: Date): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const { mtime } = await stat(join(cacheDir, name));
    if (mtime < olderThan) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}
