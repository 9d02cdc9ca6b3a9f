import type { BigIntStats } from 'node:fs';
import { splitDevice } from '../device-number.ts';
import type { EntryType, SourceEntry } from '../source.ts';
import type { OwnerNames } from './owner-names.ts';
import type { FoundNode } from './read-node.ts';

function typeOf(stats: BigIntStats): EntryType {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  return stats.isCharacterDevice() ? 'chardev' : 'blockdev';
}

/** The metadata of a node as an entry; content and hard links are for the caller to add. */
export function toEntry(node: FoundNode, owners: OwnerNames): SourceEntry {
  const { stats, extendedAttributes, linkTarget } = node;
  const type = typeOf(stats);
  const uid = Number(stats.uid);
  const gid = Number(stats.gid);
  const user = owners.user(uid);
  const group = owners.group(gid);
  return {
    path: node.path,
    type,
    mode: Number(stats.mode) & 0o7777,
    uid,
    gid,
    ...(user !== undefined && { user }),
    ...(group !== undefined && { group }),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.ino,
    deviceId: stats.dev,
    links: Number(stats.nlink),
    ...(linkTarget && { linkTarget }),
    ...((type === 'chardev' || type === 'blockdev') && { device: splitDevice(stats.rdev) }),
    ...(extendedAttributes.length > 0 && { extendedAttributes }),
  };
}
