import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KiB } from '../../base/bytes.ts';
import { systemCode } from '../../base/errors.ts';
import type { ObjectInfo, PutOptions } from '../object-store.ts';
import { attempt } from './local-errors.ts';
import { objectInfo } from './object-info.ts';
import { type StoreFolder, temporaryPrefix } from './store-folder.ts';

/** Larger ones would hold up the event loop. */
const largestBytes = 256 * KiB;

/** Whether a put is one of many small ones whose durability is left to `sync`. */
export function isDeferrable(bytes: Uint8Array, { deferSync, ifAbsent, ifMatch }: PutOptions): boolean {
  return deferSync === true && ifAbsent !== true && ifMatch === undefined && bytes.length <= largestBytes;
}

function writeNow(file: string, key: string, bytes: Uint8Array): ObjectInfo {
  const temporary = join(dirname(file), `${temporaryPrefix}${randomUUID()}`);
  const fd = openSync(temporary, 'wx', 0o600);
  let info: ObjectInfo;
  try {
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      info = objectInfo(key, fstatSync(fd, { bigint: true }));
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  return info;
}

/**
 * Writes a small object in one turn of the event loop: synchronous calls cost a fifth of Node's asynchronous ones, and
 * without a sync none of them waits for a disk.
 */
export async function putDeferred(folder: StoreFolder, key: string, bytes: Uint8Array): Promise<ObjectInfo> {
  const file = folder.pathOf(key);
  return attempt({ act: 'write', path: file }, async () => {
    for (let tries = 1; ; tries += 1) {
      try {
        await folder.makeParents(file, true);
        folder.deferSync();
        folder.checkInsideNow(file);
        return writeNow(file, key, bytes);
      } catch (error) {
        // The parents may be removed between making and using them, by a delete that found them empty.
        if (systemCode(error) !== 'ENOENT' || tries === 10) throw error;
        folder.forget(file);
      }
    }
  });
}
