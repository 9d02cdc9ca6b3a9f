import { isUtf8 } from 'node:buffer';
import type * as NodeFfi from 'node:ffi';
import { systemCode } from '../../base/errors.ts';
import type { ExtendedAttribute, SourceEntry } from '../source.ts';
import { bindLibcError } from '../../base/libc-error.ts';
import { findFfi } from '../../base/native-functions.ts';
import { PathRoom } from './path-room.ts';
import type { Place } from './place.ts';

type Times = Pick<SourceEntry, 'mtimeNs' | 'atimeNs'>;

/**
 * What Linux offers for files and Node.js has no call for, called in the C library by node:ffi. All calls are
 * synchronous, never follow a symlink in the last segment, and throw an Error whose `code` is the system's ("ENOENT").
 */
export interface NativeFs {
  /**
   * Every extended attribute that this process may see, POSIX ACLs and capabilities among them, in the kernel's order; but for
   * those whose names are not UTF-8, of which `onOddName` is told.
   */
  listXattrs(place: Place, onOddName?: (name: Buffer) => void): readonly ExtendedAttribute[];
  setXattr(path: Buffer, attribute: ExtendedAttribute): void;
  /** Removes an attribute; one that is not there is fine. */
  removeXattr(path: Buffer, name: string): void;
  /** Sets the time of the last change to the nanosecond, and the access time where it is told; else that stays. */
  setTimes(path: Buffer, times: Times): void;
  /** The same, for an open file. */
  setOpenTimes(fd: number, times: Times): void;
  /** Makes a fifo or device; `mode` holds the type's bits too. */
  makeNode(path: Buffer, mode: number, device: bigint): void;
  /** The first offset at or after `offset` that holds data (or, for `hole`, none); undefined when there is no more. */
  seek(fd: number, offset: number, what: 'data' | 'hole'): number | undefined;
}

const atFdCwd = -100;
const symlinkNoFollow = 0x100;
const utimeOmit = 0x3ffffffen;
const seekWhence = { data: 3, hole: 4 };
/** The kernel's limit on one attribute's value, and on the list of names. */
const longestXattr = 65536n;
/** Asked for first: the kernel clears as much memory as it is offered, for each call. */
const usualXattr = 1024n;

const xattrSignatures = {
  // What they return fits into 32 bits, and is no bigint then.
  llistxattr: { arguments: ['pointer', 'pointer', 'u64'], return: 'i32' },
  lgetxattr: { arguments: ['pointer', 'buffer', 'pointer', 'u64'], return: 'i32' },
} as const;

const signatures = {
  futimens: { arguments: ['i32', 'buffer'], return: 'i32' },
  utimensat: { arguments: ['i32', 'buffer', 'buffer', 'i32'], return: 'i32' },
  lsetxattr: { arguments: ['buffer', 'buffer', 'buffer', 'u64', 'i32'], return: 'i32' },
  lremovexattr: { arguments: ['buffer', 'buffer'], return: 'i32' },
  mknod: { arguments: ['buffer', 'u32', 'u64'], return: 'i32' },
  lseek: { arguments: ['i32', 'i64', 'i32'], return: 'i64' },
} as const;

const terminated = (text: Buffer | string): Buffer =>
  Buffer.concat([typeof text === 'string' ? Buffer.from(text, 'utf8') : text, Buffer.from([0])]);

const none: readonly ExtendedAttribute[] = [];

/** The names in a list that the kernel has made, each ended by a NUL. */
function splitNames(list: Buffer, onOddName?: (name: Buffer) => void): string[] {
  const names = list.toString('utf8', 0, list.length - 1).split('\0');
  if (isUtf8(list)) return names;
  const bytes = list.toString('latin1').split('\0');
  return names.filter((_, at) => {
    const name = Buffer.from(bytes[at] ?? '', 'latin1');
    if (isUtf8(name)) return true;
    onOddName?.(name);
    return false;
  });
}

const times = new BigInt64Array([0n, utimeOmit, 0n, 0n]);
const timesBuffer = Buffer.from(times.buffer);

function setTime(at: number, timeNs: bigint): void {
  const nanoseconds = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  times[at] = (timeNs - nanoseconds) / 1_000_000_000n;
  times[at + 1] = nanoseconds;
}

/** The two struct timespec that change the mtime, and the atime where it is told; valid until the next call. */
function timesOf({ mtimeNs, atimeNs }: Times): Buffer {
  if (atimeNs === undefined) times[1] = utimeOmit;
  else setTime(0, atimeNs);
  setTime(2, mtimeNs);
  return timesBuffer;
}

/** Calls `call` with the size that mostly does, and with the largest where that was too little. */
function sized(call: (size: bigint) => number, failure: () => Error): number {
  const size = call(usualXattr);
  if (size >= 0) return size;
  const error = failure();
  if (systemCode(error) !== 'ERANGE') throw error;
  const large = call(longestXattr);
  if (large < 0) throw failure();
  return large;
}

function bindXattrReader(ffi: typeof NodeFfi): NativeFs['listXattrs'] {
  const { functions: libc } = ffi.dlopen(null, xattrSignatures);
  const lastError = bindLibcError(ffi);
  const path = new PathRoom(ffi);
  const bytes = Buffer.allocUnsafeSlow(Number(longestXattr));
  const room = ffi.getRawPointer(bytes);
  const listFailure = (): Error => lastError('llistxattr');
  const list = (size: bigint): number => libc.llistxattr(path.address, room, size);
  const get = (name: string): ExtendedAttribute[] => {
    const cName = terminated(name);
    try {
      const size = sized(
        (most) => libc.lgetxattr(path.address, cName, room, most),
        () => lastError('lgetxattr'),
      );
      return [{ name, value: Uint8Array.from(bytes.subarray(0, size)) }];
    } catch (error) {
      if (systemCode(error) === 'ENODATA') return []; // removed since it was listed
      throw error;
    }
  };
  return (place, onOddName) => {
    path.write(place);
    try {
      const listed = sized(list, listFailure);
      return listed === 0 ? none : splitNames(bytes.subarray(0, listed), onOddName).flatMap(get);
    } catch (error) {
      if (systemCode(error) === 'EOPNOTSUPP') return none;
      throw error;
    }
  };
}

function bindNativeFs(ffi: typeof NodeFfi): NativeFs {
  const { functions: libc } = ffi.dlopen(null, signatures);
  const lastError = bindLibcError(ffi);
  return {
    listXattrs: bindXattrReader(ffi),
    setXattr(path, { name, value }) {
      const bytes = Buffer.from(value);
      if (libc.lsetxattr(terminated(path), terminated(name), bytes, BigInt(bytes.length), 0) !== 0)
        throw lastError('lsetxattr');
    },
    removeXattr(path, name) {
      if (libc.lremovexattr(terminated(path), terminated(name)) === 0) return;
      const error = lastError('lremovexattr');
      if (!['ENODATA', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error;
    },
    setTimes(path, wanted) {
      if (libc.utimensat(atFdCwd, terminated(path), timesOf(wanted), symlinkNoFollow) !== 0)
        throw lastError('utimensat');
    },
    setOpenTimes(fd, wanted) {
      if (libc.futimens(fd, timesOf(wanted)) !== 0) throw lastError('futimens');
    },
    makeNode(path, mode, device) {
      if (libc.mknod(terminated(path), mode, device) !== 0) throw lastError('mknod');
    },
    seek(fd, offset, what) {
      const found = Number(libc.lseek(fd, BigInt(offset), seekWhence[what]));
      if (found >= 0) return found;
      const error = lastError('lseek');
      if (systemCode(error) === 'ENXIO') return undefined;
      throw error;
    },
  };
}

let bound: { readonly native: NativeFs | undefined } | undefined;

/**
 * The binding, made at the first call; undefined where this Node.js has no node:ffi (before 26.1, or switched off).
 * Whoever goes on without it must tell what is lost.
 */
export function findNativeFs(): NativeFs | undefined {
  if (bound === undefined) {
    const ffi = findFfi();
    bound = { native: ffi && bindNativeFs(ffi) };
  }
  return bound.native;
}

/** What to tell where findNativeFs() finds nothing. */
export const nativeFsRemedy = 'run Holdfast on Node.js 26.1 or newer, built with node:ffi';
