import { hasCode } from '../../../../base/errors.ts';
import { vaultError } from '../../../errors.ts';
import { fileKey } from '../../layout.ts';
import type { Repository } from '../../repository.ts';
import { loadAnew, type FreshRepository } from '../../reading/load-anew.ts';
import { readHeader } from '../../reading/pack-headers.ts';
import { deleteFiles, rewriteIndex } from '../rewrite-index.ts';
import { type PackSelection, transferBlobs } from '../transfer-blobs.ts';
import { withLock } from '../../lock/with-lock.ts';

export interface RepairPacksOptions {
  readonly signal: AbortSignal;
  /** Told of each blob that is lost, by type and id, unless another pack has it too. */
  readonly onLost?: (blob: {
    readonly type: string;
    readonly id: string;
    readonly packId: string;
    readonly why: string;
  }) => void;
}

export interface PacksRepair {
  readonly savedBlobs: number;
  readonly lostBlobs: number;
  /** Packs of which nobody can tell what they hold, their headers least of all: they are left, and no index names them. */
  readonly unreadablePacks: readonly string[];
}

/**
 * Saves what can be read of damaged packs into new ones, and removes the damaged ones. What was lost, snapshots may still name:
 * repairSnapshots comes after it. vault/not-found for a pack that neither the index nor the store knows.
 */
export async function repairPacks(
  known: Repository,
  packIds: readonly string[],
  options: RepairPacksOptions,
): Promise<PacksRepair> {
  return withLock(known, { exclusive: true, signal: options.signal }, async (signal) => {
    const fresh = await loadAnew(known, { signal });
    const { repository, indexFiles } = fresh;
    const { index } = repository;
    const selections: PackSelection[] = [];
    const ids = new Set<string>();
    const unreadablePacks: string[] = [];
    for (const id of new Set(packIds)) {
      const pack = await numberOf(fresh, id, signal);
      if (pack === undefined) {
        unreadablePacks.push(id);
        continue;
      }
      ids.add(id);
      const { from, to } = index.entriesOf(pack);
      selections.push({ pack, entries: Array.from({ length: to - from }, (_, at) => from + at) });
    }
    let savedBlobs = 0;
    let lostBlobs = 0;
    await transferBlobs(selections, {
      from: repository,
      to: repository,
      signal,
      onBlobs: (count) => void (savedBlobs += count),
      onDamaged: (entry, why) => {
        const { packId } = index.place(entry);
        const { type, id } = index.blobOf(entry);
        lostBlobs += 1;
        options.onLost?.({ type, id: id.toString('hex'), packId, why });
      },
    });
    await rewriteIndex(repository, { old: indexFiles, keeps: (id) => !ids.has(id), signal });
    await deleteFiles(repository, 'data', [...ids], signal);
    return { savedBlobs, lostBlobs, unreadablePacks };
  });
}

/** The number of a pack; one that no index names is added by its header. Undefined when nobody can tell what is in it. */
async function numberOf(
  { repository, packs }: FreshRepository,
  id: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const indexed = packs.get(id);
  if (indexed !== undefined) return indexed;
  const info = await repository.store.head(fileKey('data', id), signal);
  if (!info) throw noPack(id, repository.store.label);
  try {
    const { blobs } = await readHeader(repository, { id, sizeBytes: info.sizeBytes }, signal);
    return repository.index.addPack(id, blobs);
  } catch (error) {
    if (hasCode(error, 'vault/corrupt')) return undefined;
    throw error;
  }
}

const noPack = (id: string, label: string): Error =>
  vaultError('not-found', {
    message: `There is no pack "${fileKey('data', id)}" in ${label}, and no index names it.`,
    hint: '"holdfast check --read-data" names the packs that are damaged.',
    context: { pack: id },
  });
