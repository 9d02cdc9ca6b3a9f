import { closeSync, constants, fchmodSync, openSync, readFileSync, writeSync } from 'node:fs';
import { findNativeFs } from '../native-fs.ts';
import type { SmallFile } from './small-file-batch.ts';

const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What a new file is not given: setuid and the like never, and what the process's umask takes away. */
const heldBack = 0o7000 | umask();

function umask(): number {
  try {
    // process.umask() changes it for a moment, for all threads.
    const [, digits] = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return digits === undefined ? 0o777 : Number.parseInt(digits, 8);
  } catch {
    return 0o777;
  }
}

/** Makes a file, which must not exist, with its content, mode and time. Needs node:ffi. Throws the system's error. */
export function createSmallFile({ location, mode, mtimeNs, content }: SmallFile): void {
  const isPlain = (mode & heldBack) === 0;
  const fd = openSync(location, flags, isPlain ? mode : 0o600);
  try {
    for (let done = 0; done < content.length;) done += writeSync(fd, content, done);
    if (!isPlain) fchmodSync(fd, mode);
    findNativeFs()?.setOpenTimes(fd, { mtimeNs });
  } finally {
    closeSync(fd);
  }
}
