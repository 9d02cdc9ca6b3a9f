import type { BigIntStats } from 'node:fs';
import type { ObjectInfo } from '../object-store.ts';

/** A new object is a new file: inode, size and time of writing tell it from the one before. */
export function objectInfo(key: string, stats: BigIntStats): ObjectInfo {
  return {
    key,
    sizeBytes: Number(stats.size),
    modifiedAt: stats.mtime,
    etag: `${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`,
  };
}
