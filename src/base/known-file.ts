import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { systemCode } from './errors.ts';

/** A file, and what told what it was like when it was looked at. */
export interface KnownFile {
  /** Its path. */
  readonly location: Uint8Array;
  readonly inode: bigint;
  readonly sizeBytes: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

const readWithoutAtime = constants.O_NOATIME;

/**
 * Opens a file for reading. Never hangs on a fifo and never follows a symlink that took the file's place; leaves the
 * access time alone where the system lets us (it is for the file's owner and root). Throws the system's error.
 */
export function openForReading(location: Uint8Array): number {
  const path = Buffer.from(location.buffer, location.byteOffset, location.length);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return openSync(path, flags | readWithoutAtime);
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw error;
    return openSync(path, flags);
  }
}

/** Whether the open file is the known one, and as it was. Every change of a file changes its ctime. */
function isAsKnown(fd: number, { inode, sizeBytes, mtimeNs, ctimeNs }: KnownFile): boolean {
  const stats = fstatSync(fd, { bigint: true });
  if (stats.ctimeNs !== ctimeNs || stats.mtimeNs !== mtimeNs) return false;
  return BigInt.asUintN(64, stats.ino) === inode && stats.size === BigInt(sizeBytes);
}

/**
 * Fills `target`, which is as long as the file, with its whole content, if that is of one moment and the file is as it
 * is known. False when it is not, or can't be read: then it has to be looked at anew.
 */
export function readKnownFile(file: KnownFile, target: Uint8Array): boolean {
  let fd: number;
  try {
    fd = openForReading(file.location);
  } catch {
    return false;
  }
  try {
    if (!isAsKnown(fd, file)) return false;
    for (let done = 0; done < target.length;) {
      const count = readSync(fd, target, done, target.length - done, done);
      if (count === 0) return false;
      done += count;
    }
    return isAsKnown(fd, file);
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}
