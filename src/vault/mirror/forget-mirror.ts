import { JournalWriter, executeRemovals, readJournal } from './manifest/journal.ts';
import { manifestBytes, readRecords } from './manifest/manifest-reader.ts';
import { keyOfRecord } from './mirror-writer.ts';
import type { MirrorReading } from './read-mirror.ts';
import { hasContent } from './manifest/record.ts';

/**
 * Deletes a mirror: first its manifest, then every object that the manifest or the journal knows. What is to be deleted
 * stands in the journal before the manifest goes, so that a sweep can go on where this breaks off.
 */
export async function forgetMirror(reading: MirrorReading, signal: AbortSignal): Promise<void> {
  const { store, place, manifest, uploads } = reading;
  const journal = new JournalWriter(store, place.pendingPrefix, signal);
  for await (const records of readRecords(await manifestBytes(store, manifest, { signal }), manifest)) {
    for (const record of records) {
      if (!hasContent(record)) continue;
      const own = keyOfRecord(place, record);
      await journal.willRemove(own, null);
      for (const other of await uploads.recordsOf(record.path, signal))
        if (keyOfRecord(place, other) !== own) await journal.willRemove(keyOfRecord(place, other), null);
    }
  }
  await journal.flushRemovals(null);
  await store.delete([place.manifestKey], signal);
  const { removals, keys } = await readJournal(store, place.pendingPrefix, signal);
  await executeRemovals(store, removals, { once: null, signal });
  await store.delete(keys, signal);
}
