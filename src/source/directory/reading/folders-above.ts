import { statSync } from 'node:fs';
import type { SourceEntry } from '../../source.ts';
import { statsOfNode } from '../file-stats.ts';
import { findNativeFs } from '../native-fs.ts';
import { readOwnerNames } from '../owner-names.ts';
import { placeOf } from '../place.ts';
import { newEntry } from './new-entry.ts';

const slash = 0x2f;

/** The ends of the paths of the folders above: of "/a/b/c" those of "/a" and "/a/b". */
function endsAbove(path: Buffer): number[] {
  return Array.from(path.keys()).filter((at) => at > 0 && path[at] === slash);
}

function attributesOf(location: Buffer): NonNullable<SourceEntry['extendedAttributes']> {
  try {
    return findNativeFs()?.listXattrs(placeOf(location)) ?? [];
  } catch {
    return [];
  }
}

/**
 * The folders between "/" and an absolute path, from the uppermost down: their metadata, with their path below "/". One
 * that can't be read comes with the metadata of an ordinary folder: it is only the way to what is backed up.
 */
export function foldersAbove(path: Buffer, accessTimes = false): SourceEntry[] {
  const owners = readOwnerNames();
  return endsAbove(path).map((end) => {
    const location = path.subarray(0, end);
    const below = location.subarray(1);
    try {
      const stats = statSync(location, { bigint: true });
      const entry = newEntry(below, statsOfNode(stats), owners);
      if (accessTimes) entry.atimeNs = stats.atimeNs;
      const extendedAttributes = attributesOf(location);
      return extendedAttributes.length > 0 ? { ...entry, extendedAttributes } : entry;
    } catch {
      return { path: below, type: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };
    }
  });
}
