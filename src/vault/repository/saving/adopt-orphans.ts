import { forEachConcurrently } from '../../../base/concurrency.ts';
import { hasCode } from '../../../base/errors.ts';
import { indexWriterOf } from './index-writer.ts';
import type { ListedFile, Repository } from '../repository.ts';
import { readHeader } from '../reading/pack-headers.ts';

/** How many headers are read at once. */
const readAtOnce = 8;

export interface Adoption {
  readonly packs: number;
  readonly blobs: number;
  /** The packs' sizes. */
  readonly bytes: number;
}

/**
 * Takes packs that no index names into the index, so that what a writer has stored before it was killed need not be stored again.
 * To be called under a lock, with the index loaded; what it adds is in the index that is returned to the caller's repository.
 *
 * It may be done beside a live writer: a pack becomes visible whole and is never changed, and whoever deletes packs needs the
 * repository alone. The writer's packs are then named by two index files, which say the same: that is allowed, and the next prune
 * writes them once. The index comes after the store's `sync`, as the writer's own would. A pack whose header does not open, or
 * whose blobs do not fill it, is left alone: nobody can tell what it is, and a prune removes it.
 */
export async function adoptOrphans(repository: Repository, signal: AbortSignal): Promise<Adoption> {
  const { index } = repository;
  const known = new Set<string>();
  for (let pack = 0; pack < index.packCount; pack += 1) known.add(index.packId(pack));
  const orphans: ListedFile[] = [];
  for await (const file of repository.list('data', signal)) if (!known.has(file.id)) orphans.push(file);
  const writer = indexWriterOf(repository);
  let packs = 0;
  let blobs = 0;
  let bytes = 0;
  await forEachConcurrently(orphans, readAtOnce, async (file) => {
    try {
      const pack = await readHeader(repository, file, signal);
      writer.add(pack);
      packs += 1;
      blobs += pack.blobs.length;
      bytes += file.sizeBytes;
    } catch (error) {
      signal.throwIfAborted();
      if (!hasCode(error, 'vault/corrupt')) throw error;
    }
  });
  await writer.flush(signal);
  return { packs, blobs, bytes };
}
