import type { ObjectInfo } from '../object-store.ts';

/** What `objectInfo` needs of a file. */
export interface FileStats {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly mtime: Date;
}

/** A new object is a new file: inode, size and time of writing tell it from the one before. */
export function objectInfo(key: string, stats: FileStats): ObjectInfo {
  return {
    key,
    sizeBytes: Number(stats.size),
    modifiedAt: stats.mtime,
    etag: `${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`,
  };
}
