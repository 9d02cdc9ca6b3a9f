import { MiB } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { notFound } from '../outcomes.ts';
import { waitForPace } from '../pace.ts';
import { PartList } from '../part-list.ts';
import type { ObjectInfo, PutOptions, UnnamedUpload, Upload } from '../object-store.ts';
import type { TemporaryFile } from './temporary-file.ts';

const partSizeBytes = 4 * MiB;

export interface LocalUploadOptions {
  readonly options: PutOptions;
  readonly clock: Clock;
}

/** Parts that are written at their places in one temporary file, which the end of the upload puts under its name. */
function partsIn(
  temporary: TemporaryFile,
  key: string,
  options: PutOptions,
): Omit<Upload, 'complete'> & {
  readonly finish: (partCount: number, publish: (sizeBytes: number) => Promise<ObjectInfo>) => Promise<ObjectInfo>;
} {
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
    finish: (partCount, publish) => {
      completed ??= (async () => {
        options.signal?.throwIfAborted();
        if (aborted) throw notFound(key);
        return publish(parts.finish(partCount).sizeBytes);
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

export function localUpload(temporary: TemporaryFile, key: string, { options, clock }: LocalUploadOptions): Upload {
  const { finish, ...parts } = partsIn(temporary, key, options);
  return { ...parts, complete: (count) => finish(count, (size) => temporary.publish(size, options, clock)) };
}

/** The same for an object whose key is told at the end. */
export function unnamedLocalUpload(
  temporary: TemporaryFile,
  prefix: string,
  { options, clock }: LocalUploadOptions,
): UnnamedUpload {
  const { finish, ...parts } = partsIn(temporary, prefix, options);
  return { ...parts, complete: (key, count) => finish(count, (size) => temporary.publishAs(key, size, clock)) };
}
