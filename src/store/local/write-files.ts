import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, realpathSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, systemCode } from '../../base/errors.ts';

/** Small files to write below a folder, which is there. */
export interface WriteRequest {
  readonly root: string;
  /** Where the folder really is. */
  readonly realRoot: string;
  readonly temporaryPrefix: string;
  /** The paths of the files below the folder, each with a zero byte behind it: one text costs a thread less than many. */
  readonly names: string;
  readonly sizes: Uint32Array;
  /** Their contents, one behind the other. */
  readonly bytes: Uint8Array;
}

/** Why a file was not written: the system's error, or that its folder is really elsewhere. */
export interface WriteFailure {
  readonly index: number;
  readonly code: string | undefined;
  readonly message: string;
  readonly leadsTo?: string;
}

/** Tells the temporary files of this thread from all others. */
const own = randomUUID();
let count = 0;

/** A folder that a symbolic link has taken elsewhere. */
class LeadsAway extends Error {
  readonly leadsTo: string;

  constructor(leadsTo: string) {
    super(`it leads to ${leadsTo}`);
    this.leadsTo = leadsTo;
  }
}

/** Makes sure, once for each folder, that it is there and really where its path says. Throws LeadsAway and the system's errors. */
function folderCheck({ root, realRoot }: WriteRequest): (folder: string) => void {
  const checked = new Set<string>();
  const expected = (folder: string): string =>
    folder.length <= root.length ? realRoot : join(realRoot, folder.slice(root.length));
  const isThere = (folder: string): boolean => {
    try {
      const real = realpathSync.native(folder);
      if (real !== expected(folder)) throw new LeadsAway(real);
      return true;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || folder.length <= root.length) throw error;
      return false;
    }
  };
  const check = (folder: string): void => {
    if (checked.has(folder)) return;
    if (!isThere(folder)) {
      // Step by step: making all at once would follow a symbolic link and create folders elsewhere.
      check(dirname(folder));
      try {
        mkdirSync(folder);
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
      if (!isThere(folder)) throw Object.assign(new Error(`ENOENT: ${folder}`), { code: 'ENOENT' });
    }
    checked.add(folder);
  };
  return check;
}

/** Writes a part of `bytes` beside its place and names it: without a sync none of the calls waits for a disk. */
function writeFile(
  file: string,
  temporary: string,
  bytes: Uint8Array,
  { at, size }: { at: number; size: number },
): void {
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    try {
      for (let done = 0; done < size;) done += writeSync(fd, bytes, at + done, size - done);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // the first failure is the one to tell; a sweep finds the file
    }
    throw error;
  }
}

/**
 * Writes each file, makes the folders that it needs, and returns those that could not be written. Blocks. Nothing is
 * durable yet.
 */
export function writeFiles(request: WriteRequest): WriteFailure[] {
  const { root, temporaryPrefix, names, sizes, bytes } = request;
  const check = folderCheck(request);
  const failures: WriteFailure[] = [];
  const base = root.endsWith('/') ? root : `${root}/`;
  const { length } = sizes;
  for (let index = 0, at = 0, nameAt = 0; index < length; index += 1) {
    const nameEnd = names.indexOf('\0', nameAt);
    const file = base + names.slice(nameAt, nameEnd);
    const folder = file.slice(0, Math.max(root.length, file.lastIndexOf('/')));
    const size = sizes[index] as number;
    try {
      check(folder);
      count += 1;
      writeFile(file, `${folder}/${temporaryPrefix}${own}-${count}`, bytes, { at, size });
    } catch (error) {
      const leadsTo = error instanceof LeadsAway ? { leadsTo: error.leadsTo } : {};
      failures.push({ index, code: systemCode(error), message: messageOf(error), ...leadsTo });
    }
    at += size;
    nameAt = nameEnd + 1;
  }
  return failures;
}
