import type { BigIntStats } from 'node:fs';
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

/** Splits a device's number as glibc does (gnu_dev_major, gnu_dev_minor). */
export function splitDevice(device: bigint): { readonly major: number; readonly minor: number } {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

/** The number that mknod(2) takes: the inverse of splitDevice. */
export function joinDevice({ major, minor }: { readonly major: number; readonly minor: number }): bigint {
  const high = BigInt(major);
  const low = BigInt(minor);
  return ((high & 0xfffn) << 8n) | ((high & 0xfffff000n) << 32n) | (low & 0xffn) | ((low & 0xffffff00n) << 12n);
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
