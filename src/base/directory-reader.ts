import { closeSync, constants, openSync } from 'node:fs';
import { bindLibcError } from './libc-error.ts';
import { findFfi } from './native-functions.ts';

/** What the kernel says of a name without a look at the node; some file systems say nothing. */
export const nameTypes = { unknown: 0, directory: 4, file: 8 } as const;

/** Told of a name other than "." and "..": its type, and where its bytes are in the reader's memory. */
export type VisitName = (type: number, start: number, end: number) => void;

/**
 * Reads the names in a directory, of which no JavaScript object is made but by who wants one: Node.js makes a string of
 * each, which takes three times as long as the reading. All calls are synchronous; one reader serves a whole thread.
 */
export interface DirectoryReader {
  /** Where names are while `visit` is called. */
  readonly bytes: Buffer;
  /** Opens a directory; a symlink is none. Throws the system's error. */
  open(path: string | Buffer): number;
  /** Tells of some more names of an open directory; false when there are none. Throws the system's error. */
  visitSome(fd: number, visit: VisitName): boolean;
  close(fd: number): void;
}

/** Some thousand names. */
const roomBytes = 64 * 1024;
/** struct linux_dirent64: inode and offset (8 bytes each), the record's length (2), the type (1), the name and a zero. */
const lengthAt = 16;
const typeAt = 18;
const nameAt = 19;
/** Records end at a multiple of it, so that the zero is among their last bytes. */
const alignment = 8;
const dot = 0x2e;

function visitRecords(bytes: Buffer, filled: number, visit: VisitName): void {
  for (let at = 0; at < filled;) {
    const next = at + (bytes[at + lengthAt] as number) + (bytes[at + lengthAt + 1] as number) * 256;
    const start = at + nameAt;
    let end = Math.max(start, next - alignment);
    while (bytes[end] !== 0) end += 1;
    const isDots = bytes[start] === dot && (end === start + 1 || (end === start + 2 && bytes[start + 1] === dot));
    if (!isDots) visit(bytes[at + typeAt] as number, start, end);
    at = next;
  }
}

function bindDirectoryReader(): DirectoryReader | undefined {
  const ffi = findFfi();
  if (!ffi || process.platform !== 'linux') return undefined;
  try {
    const signatures = { getdents64: { arguments: ['i32', 'pointer', 'u64'], return: 'i64' } } as const;
    const { functions: libc } = ffi.dlopen(null, signatures);
    const failure = bindLibcError(ffi);
    const bytes = Buffer.allocUnsafeSlow(roomBytes);
    const address = ffi.getRawPointer(bytes);
    return {
      bytes,
      open: (path) => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW),
      visitSome(fd, visit) {
        const filled = Number(libc.getdents64(fd, address, BigInt(roomBytes)));
        if (filled < 0) throw failure('getdents64');
        visitRecords(bytes, filled, visit);
        return filled > 0;
      },
      close: closeSync,
    };
  } catch {
    return undefined; // a C library that has no such function
  }
}

let found: { readonly reader: DirectoryReader | undefined } | undefined;

/** Undefined where there is no node:ffi, no Linux, or no getdents64 in the C library (glibc before 2.30). */
export function findDirectoryReader(): DirectoryReader | undefined {
  found ??= { reader: bindDirectoryReader() };
  return found.reader;
}
