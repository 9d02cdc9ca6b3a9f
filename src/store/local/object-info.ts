import type { ObjectInfo } from '../object-store.ts';
import type { WrittenFile } from './write-object.ts';

/** A new object is a new file: inode, size and time of writing tell it from the one before. */
export function objectInfo(key: string, stats: WrittenFile): ObjectInfo {
  return {
    key,
    sizeBytes: Number(stats.size),
    modifiedAt: stats.mtime,
    etag: `${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`,
  };
}
