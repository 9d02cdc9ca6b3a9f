import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, realpathSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What is known of a file that was written: what `objectInfo` needs. */
export interface WrittenFile {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly mtime: Date;
}

/** Where a folder really is. */
export const realFolder = (folder: string): string => realpathSync.native(folder);

/**
 * Writes a small file beside its place, under a name that begins with `temporaryPrefix`, and names it. Blocks: without
 * a sync none of the calls waits for a disk. Throws the system's error.
 */
export function writeObject(file: string, bytes: Uint8Array, temporaryPrefix: string): WrittenFile {
  const temporary = join(dirname(file), `${temporaryPrefix}${randomUUID()}`);
  const fd = openSync(temporary, 'wx', 0o600);
  let written: WrittenFile;
  try {
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      const { ino, size, mtimeNs, mtime } = fstatSync(fd, { bigint: true });
      written = { ino, size, mtimeNs, mtime };
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  return written;
}
