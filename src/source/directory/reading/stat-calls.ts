import type * as NodeFfi from 'node:ffi';
import { fstatSync, lstatSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type FileStats, statLayout, type StatLayout, StatRoom, statsOfNode } from '../file-stats.ts';
import { bindLibcError } from '../../../base/libc-error.ts';
import { findFfi } from '../../../base/native-functions.ts';
import { PathRoom } from '../path-room.ts';
import { locationOf, type Place, placeOf } from '../place.ts';

/** Both throw an Error whose `code` is the system's. */
export interface StatCalls {
  /** Of a symlink, what it is itself. */
  readonly lstat: (place: Place) => FileStats;
  /** Of an open file. */
  readonly fstat: (fd: number) => FileStats;
}

export const nodeStatCalls: StatCalls = {
  lstat: (place) => statsOfNode(lstatSync(locationOf(place), { bigint: true })),
  fstat: (fd) => statsOfNode(fstatSync(fd, { bigint: true })),
};

/** The C library's; glibc before 2.33 has no functions of these names, and dlopen throws. */
function bindStatCalls(ffi: typeof NodeFfi, layout: StatLayout): StatCalls {
  const { functions: libc } = ffi.dlopen(null, {
    lstat: { arguments: ['pointer', 'pointer'], return: 'i32' },
    fstat: { arguments: ['i32', 'pointer'], return: 'i32' },
  });
  const failure = bindLibcError(ffi);
  const path = new PathRoom(ffi);
  const bytes = Buffer.allocUnsafeSlow(256);
  const stat = new StatRoom(layout, bytes);
  const address = ffi.getRawPointer(bytes);
  return {
    lstat(place) {
      if (libc.lstat(path.write(place), address) !== 0) throw failure('lstat');
      return stat.read();
    },
    fstat(fd) {
      if (libc.fstat(fd, address) !== 0) throw failure('fstat');
      return stat.read();
    },
  };
}

/** Whether these say what Node.js says: of a directory, a device and a file of some size. */
function areRight({ lstat }: StatCalls): boolean {
  return ['/', '/dev/null', process.execPath].every((path) => {
    const place = placeOf(Buffer.from(path));
    return isDeepStrictEqual(lstat(place), nodeStatCalls.lstat(place));
  });
}

/** The cheapest that are right on this machine. */
export function findStatCalls(): StatCalls {
  const ffi = findFfi();
  if (!ffi || !statLayout) return nodeStatCalls;
  try {
    const calls = bindStatCalls(ffi, statLayout);
    return areRight(calls) ? calls : nodeStatCalls;
  } catch {
    return nodeStatCalls;
  }
}

let found: StatCalls | undefined;
const statCalls = (): StatCalls => (found ??= findStatCalls());

/** True where the C library is asked, and its struct stat read as it is. */
export const hasNativeStatCalls = (): boolean => statCalls() !== nodeStatCalls;

/** What lstat(2) tells of a node. Throws an Error whose `code` is the system's. */
export const statPlace = (place: Place): FileStats => statCalls().lstat(place);

/** What fstat(2) tells of an open file. */
export const statOpen = (fd: number): FileStats => statCalls().fstat(fd);
