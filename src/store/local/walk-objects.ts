import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mapOrdered } from '../../base/concurrency.ts';
import { systemCode } from '../../base/errors.ts';
import { compareKeys, isKey } from '../object-key.ts';
import type { ListOptions, ObjectInfo } from '../object-store.ts';
import { attempt } from './local-errors.ts';
import { objectInfo } from './object-info.ts';
import { isReserved, type StoreFolder } from './store-folder.ts';

/** So many files or folders of each folder are looked at ahead of who asks. */
const lookedAtOnce = 6;

const gone = new Set(['ENOENT', 'ENOTDIR']);

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (gone.has(systemCode(error) ?? '')) return [];
    throw error;
  }
}

/** The longest folder that all keys with this prefix are in; undefined when no key can begin so. */
function folderOf(prefix: string): string[] | undefined {
  const segments = prefix.split('/').slice(0, -1);
  return segments.some((segment) => segment === '' || segment === '.' || segment === '..') ? undefined : segments;
}

async function infoOf(key: string, path: string): Promise<ObjectInfo | undefined> {
  try {
    const stats = await lstat(path, { bigint: true });
    return stats.isFile() ? objectInfo(key, stats) : undefined;
  } catch (error) {
    if (gone.has(systemCode(error) ?? '')) return undefined; // deleted since the folder was read
    throw error;
  }
}

/** Whether a file is wanted, or a folder (`key` ends in "/") may have a wanted file in it. */
function mayHold(key: string, isFile: boolean, { prefix = '', after }: ListOptions): boolean {
  if (isFile) return key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0);
  if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false;
  return after === undefined || after.startsWith(key) || compareKeys(key, after) > 0;
}

interface Found {
  readonly segments: readonly string[];
  /** Ends in "/" for a folder. */
  readonly key: string;
  readonly isFile: boolean;
}

/** Every object whose key begins with the prefix, in the order of the interface. Links are not followed. */
export async function* walkObjects(folder: StoreFolder, options: ListOptions): AsyncGenerator<ObjectInfo> {
  const { prefix = '', signal } = options;
  const start = folderOf(prefix);
  if (start === undefined || start.some(isReserved)) return;

  async function find(segments: readonly string[]): Promise<Found[]> {
    signal?.throwIfAborted();
    const path = join(folder.path, ...segments);
    const base = segments.map((segment) => `${segment}/`).join('');
    return (
      (await attempt({ act: 'list', path }, () => entriesOf(path)))
        .filter((entry) => !isReserved(entry.name, segments.length) && (entry.isFile() || entry.isDirectory()))
        // A folder's objects stand where "name/" would: "a.txt" comes before "a/b".
        .map((entry) => {
          const key = base + (entry.isFile() ? entry.name : `${entry.name}/`);
          return { segments: [...segments, entry.name], key, isFile: entry.isFile() };
        })
        .filter(({ key, isFile }) => mayHold(key, isFile, options) && (!isFile || isKey(key)))
        .sort((a, b) => compareKeys(a.key, b.key))
    );
  }

  /** What a file is, or what is in a folder. */
  async function lookInto({ segments, key, isFile }: Found): Promise<ObjectInfo | readonly Found[] | undefined> {
    signal?.throwIfAborted();
    if (!isFile) return find(segments);
    const path = join(folder.path, ...segments);
    return attempt({ act: 'list', path }, () => infoOf(key, path));
  }

  async function* walk(found: readonly Found[]): AsyncGenerator<ObjectInfo> {
    for await (const inside of mapOrdered(found, lookedAtOnce, lookInto)) {
      signal?.throwIfAborted();
      if (inside === undefined) continue;
      if ('key' in inside) yield inside;
      else yield* walk(inside);
    }
  }

  if (start.length > 0) {
    try {
      await folder.checkInside(join(folder.path, ...start, 'any'));
    } catch (error) {
      if (gone.has(systemCode(error) ?? '')) return;
      throw error;
    }
  }
  yield* walk(await find(start));
}
