import { lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { type DirectoryReader, findDirectoryReader, nameTypes } from '../../base/directory-reader.ts';
import { systemCode } from '../../base/errors.ts';
import { isOnNetwork } from '../../base/network-file-system.ts';
import { isReserved, temporaryPrefix } from './store-folder.ts';

/** Longer without a turn of the event loop, and timers and sockets would wait for us. */
const longestTurnMs = 10;

const prefixLength = temporaryPrefix.length;
const firstByte = temporaryPrefix.charCodeAt(0);

const gone = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

/** What of a folder is of interest: its folders, and what is called like a file that is being written. */
interface Inside {
  readonly folders: string[];
  readonly files: string[];
}

export interface TemporaryFilesOptions {
  /** Only files that were last written before. */
  readonly olderThan: Date;
  readonly clock: Clock;
}

async function readFolder(path: string): Promise<Inside> {
  const entries = await readdir(path, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.startsWith(temporaryPrefix));
  const folders = entries.filter((entry) => entry.isDirectory());
  return { folders: folders.map(({ name }) => name), files: files.map(({ name }) => name) };
}

/** Looks into folders; most of what is in them is nothing for us. */
class FolderLook {
  private readonly reader: DirectoryReader | undefined;
  private readonly clock: Clock;
  private turnStartedMs: number;

  /** Calls that may take long are not made in this thread. Throws the system's error. */
  constructor(root: string, clock: Clock) {
    this.reader = isOnNetwork(root) ? undefined : findDirectoryReader();
    this.clock = clock;
    this.turnStartedMs = clock.monotonicMs();
  }

  async inside(path: string): Promise<Inside> {
    return (this.reader && (await this.readWith(this.reader, path))) ?? readFolder(path);
  }

  /** Undefined where the file system does not tell folders from files. */
  private async readWith(reader: DirectoryReader, path: string): Promise<Inside | undefined> {
    const inside: Inside = { folders: [], files: [] };
    const { bytes } = reader;
    let isUnknown = false;
    const visit = (type: number, start: number, end: number): void => {
      if (type === nameTypes.unknown) isUnknown = true;
      else if (type === nameTypes.directory) inside.folders.push(bytes.toString('utf8', start, end));
      else if (type === nameTypes.file && bytes[start] === firstByte) {
        const isOurs = bytes.toString('latin1', start, Math.min(end, start + prefixLength)) === temporaryPrefix;
        if (isOurs) inside.files.push(bytes.toString('utf8', start, end));
      }
    };
    const fd = reader.open(path);
    try {
      while (reader.visitSome(fd, visit)) await this.takeTurn();
    } finally {
      reader.close(fd);
    }
    return isUnknown ? undefined : inside;
  }

  private async takeTurn(): Promise<void> {
    if (this.clock.monotonicMs() - this.turnStartedMs <= longestTurnMs) return;
    await nextTurn();
    this.turnStartedMs = this.clock.monotonicMs();
  }
}

/** The temporary files in the store's folder `root` and below it. */
export async function* walkTemporaryFiles(
  root: string,
  { olderThan, clock }: TemporaryFilesOptions,
): AsyncGenerator<string> {
  const isOld = async (file: string): Promise<boolean> => {
    const stats = await lstat(file).catch(() => undefined);
    return stats !== undefined && stats.mtimeMs < olderThan.getTime();
  };
  let look: FolderLook | undefined;
  const left = [{ path: root, depth: 0 }];
  for (let folder = left.pop(); folder; folder = left.pop()) {
    const { path, depth } = folder;
    let inside: Inside;
    try {
      look ??= new FolderLook(root, clock);
      inside = await look.inside(depth === 0 ? await realpath(path) : path);
    } catch (error) {
      if (gone.has(systemCode(error) ?? '')) continue;
      throw error;
    }
    for (const name of inside.folders)
      if (!isReserved(name, depth)) left.push({ path: join(path, name), depth: depth + 1 });
    for (const name of inside.files) if (await isOld(join(path, name))) yield join(path, name);
  }
}
