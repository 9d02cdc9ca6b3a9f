import { MiB } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { notFound } from '../outcomes.ts';
import { waitForPace } from '../pace.ts';
import { PartList } from '../part-list.ts';
import type { ObjectInfo, PutOptions, Upload } from '../object-store.ts';
import type { TemporaryFile } from './temporary-file.ts';

const partSizeBytes = 4 * MiB;

/** An upload whose parts are written at their places in one temporary file, which `complete` renames. */
export function localUpload(
  temporary: TemporaryFile,
  { key, options, clock }: { readonly key: string; readonly options: PutOptions; readonly clock: Clock },
): Upload {
  const parts = new PartList<void>(key, () => partSizeBytes);
  let completed: Promise<ObjectInfo> | undefined;
  let aborted = false;
  return {
    partSizeBytes: () => partSizeBytes,
    putPart: async (index, bytes) => {
      parts.check(index, bytes.length);
      options.signal?.throwIfAborted();
      await waitForPace(bytes, options);
      if (aborted) throw notFound(key);
      await temporary.write(bytes, index * partSizeBytes);
      parts.add(index, bytes.length);
    },
    complete: (partCount) => {
      completed ??= (async () => {
        options.signal?.throwIfAborted();
        if (aborted) throw notFound(key);
        return temporary.publish(parts.finish(partCount).sizeBytes, options, clock);
      })();
      return completed;
    },
    abort: async () => {
      aborted = true;
      await completed?.catch(() => {});
      await temporary.discard();
    },
  };
}
