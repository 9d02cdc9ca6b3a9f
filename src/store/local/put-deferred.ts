import { KiB } from '../../base/bytes.ts';
import { systemCode } from '../../base/errors.ts';
import type { ObjectInfo, PutOptions } from '../object-store.ts';
import { attempt } from './local-errors.ts';
import { objectInfo } from './object-info.ts';
import type { StoreFolder } from './store-folder.ts';

/** Larger ones would hold up the others. */
const largestBytes = 256 * KiB;

/** Whether a put is one of many small ones whose durability is left to `sync`. */
export function isDeferrable(bytes: Uint8Array, { deferSync, ifAbsent, ifMatch }: PutOptions): boolean {
  return deferSync === true && ifAbsent !== true && ifMatch === undefined && bytes.length <= largestBytes;
}

interface DeferredPut {
  readonly key: string;
  /** Where the key is. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** Writes a small object, with others that are put at the same time. */
export async function putDeferred(folder: StoreFolder, { key, file, bytes }: DeferredPut): Promise<ObjectInfo> {
  for (let tries = 1; ; tries += 1) {
    try {
      return objectInfo(key, await folder.writeDeferred(file, bytes));
    } catch (error) {
      // The parents may be removed between making and using them, by a delete that found them empty.
      if (systemCode(error) !== 'ENOENT' || tries === 10)
        return attempt({ act: 'write', path: file }, () => Promise.reject(error));
      folder.forget(file);
    }
  }
}
