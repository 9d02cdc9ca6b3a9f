import { forEachConcurrently } from '../base/concurrency.ts';
import type { NewObject, ObjectStore, PutAllOptions, PutOptions } from './object-store.ts';

/** A store sends as many of these at once as is good for it. */
const putsInFlight = 64;

/**
 * Writes each of several objects by a `put` of its own, several at a time; overwrites. Rejects with the signal's reason,
 * or with what `onDone` throws.
 */
export async function putEach(
  store: Pick<ObjectStore, 'put'>,
  objects: readonly NewObject[],
  { onDone, ...options }: PutAllOptions & Pick<PutOptions, 'deferSync'>,
): Promise<void> {
  await forEachConcurrently(objects.entries(), putsInFlight, async ([index, { key, bytes }]) => {
    let failure: { readonly error: unknown } | undefined;
    try {
      await store.put(key, bytes, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      failure = { error };
    }
    onDone(index, failure?.error);
  });
}

/**
 * Writes small objects with the durability of `deferSync`, all at once where the store can, else each by itself; no two
 * of one key. Overwrites. Rejects with the signal's reason, or with what `onDone` throws; what became of each object
 * is told to that alone.
 */
export function putAll(store: ObjectStore, objects: readonly NewObject[], options: PutAllOptions): Promise<void> {
  return store.putAll ? store.putAll(objects, options) : putEach(store, objects, { ...options, deferSync: true });
}
