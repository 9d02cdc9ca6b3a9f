import type * as NodeFfi from 'node:ffi';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { systemCode } from './errors.ts';
import { findFfi } from './native-functions.ts';

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

type FileState = Omit<KnownFile, 'location'>;

/** Whether the open file is the known one, and as it was. Every change of a file changes its ctime. Throws the system's error. */
type IsAsKnown = (fd: number, known: FileState) => boolean;

const isAsKnownByNode: IsAsKnown = (fd, { inode, sizeBytes, mtimeNs, ctimeNs }) => {
  const stats = fstatSync(fd, { bigint: true });
  if (stats.ctimeNs !== ctimeNs || stats.mtimeNs !== mtimeNs) return false;
  return BigInt.asUintN(64, stats.ino) === inode && stats.size === BigInt(sizeBytes);
};

const billion = 1_000_000_000n;

/** The same without an object of many bigints for each file. struct stat has these fields in the same place on x64 and arm64. */
function bindIsAsKnown(ffi: typeof NodeFfi): IsAsKnown {
  const { functions: libc } = ffi.dlopen(null, { fstat: { arguments: ['i32', 'pointer'], return: 'i32' } });
  const numbers = new BigInt64Array(new ArrayBuffer(256));
  const address = ffi.getRawPointer(new Uint8Array(numbers.buffer));
  const nanoseconds = (at: number): bigint => (numbers[at] as bigint) * billion + (numbers[at + 1] as bigint);
  return (fd, { inode, sizeBytes, mtimeNs, ctimeNs }) => {
    if (libc.fstat(fd, address) !== 0) return false;
    if (nanoseconds(13) !== ctimeNs || nanoseconds(11) !== mtimeNs) return false;
    return BigInt.asUintN(64, numbers[1] as bigint) === inode && Number(numbers[6]) === sizeBytes;
  };
}

/** Whether it knows this Node.js' own binary, and no other that differs in one fact. */
function isRight(isAsKnown: IsAsKnown): boolean {
  const fd = openSync(process.execPath, constants.O_RDONLY);
  try {
    const { ino, size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
    const known = { inode: BigInt.asUintN(64, ino), sizeBytes: Number(size), mtimeNs, ctimeNs };
    const others = [
      { ...known, inode: known.inode + 1n },
      { ...known, sizeBytes: known.sizeBytes + 1 },
      { ...known, mtimeNs: mtimeNs + 1n },
      { ...known, ctimeNs: ctimeNs + 1n },
    ];
    return isAsKnown(fd, known) && !others.some((other) => isAsKnown(fd, other));
  } finally {
    closeSync(fd);
  }
}

/** The cheapest that is right on this machine. */
export function findIsAsKnown(): IsAsKnown {
  const ffi = findFfi();
  if (!ffi || process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return isAsKnownByNode;
  try {
    const direct = bindIsAsKnown(ffi);
    return isRight(direct) ? direct : isAsKnownByNode;
  } catch {
    return isAsKnownByNode; // glibc before 2.33 has no function of this name
  }
}

let found: IsAsKnown | undefined;

/**
 * Fills `target`, which is as long as the file, with its whole content, if that is of one moment and the file is as it
 * is known. False when it is not, or can't be read: then it has to be looked at anew.
 */
export function readKnownFile(file: KnownFile, target: Uint8Array): boolean {
  const isAsKnown = (found ??= findIsAsKnown());
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
