import type { HoldfastError } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { fileKey } from '../layout.ts';
import type { Repository } from '../repository.ts';

/** Where the last blob of each pack ends that the index names, by the packs' names. */
function endsOfPacks({ index }: Repository): Map<string, number> {
  const ends = new Map<string, number>();
  for (let pack = 0; pack < index.packCount; pack += 1) {
    const { from, to } = index.entriesOf(pack);
    let end = 0;
    for (let entry = from; entry < to; entry += 1) end = Math.max(end, index.offsetOf(entry) + index.lengthOf(entry));
    ends.set(index.packId(pack), end);
  }
  return ends;
}

/**
 * Looks whether all is there that the index names now: of the rest a writer stores nothing, and what he says to have saved could
 * not come back. To be called under a lock. Returns vault/missing-object (`context.key`: the first pack) where packs are gone, or
 * end before their last blob does.
 */
export async function findLostPacks(repository: Repository, signal: AbortSignal): Promise<HoldfastError | undefined> {
  const ends = endsOfPacks(repository);
  for await (const { id, sizeBytes } of repository.list('data', signal))
    if (sizeBytes >= (ends.get(id) ?? 0)) ends.delete(id);
  const [first] = ends.keys();
  if (first === undefined) return undefined;
  const key = fileKey('data', first);
  const which = ends.size === 1 ? `"${key}", which is` : `"${key}" and ${ends.size - 1} more packs, which are`;
  return vaultError('missing-object', {
    message: `The index of ${repository.store.label} names ${which} lost or cut short: what was in there can't come back, and is not stored again.`,
    hint: 'Put it back from a copy, or run "holdfast repair index", and "holdfast repair packs" for one that is cut short; the next run then stores what is missing.',
    context: { key },
  });
}

/** Throws what `findLostPacks` finds: for who makes snapshots of others, and takes for granted what the index names. */
export async function assertNoneLost(repository: Repository, signal: AbortSignal): Promise<void> {
  const lost = await findLostPacks(repository, signal);
  if (lost) throw lost;
}
