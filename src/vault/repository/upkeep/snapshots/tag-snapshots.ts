import { vaultError } from '../../../errors.ts';
import type { Repository } from '../../repository.ts';
import type { FoundSnapshot } from '../../snapshot/snapshot-facts.ts';
import { type ChangedSnapshot, replaceSnapshot, stillThere } from './replace-snapshot.ts';
import { withLock } from '../../lock/with-lock.ts';

export type TagChange =
  | { readonly set: readonly string[] }
  | { readonly add?: readonly string[]; readonly remove?: readonly string[] };

export interface TagOptions {
  readonly change: TagChange;
  readonly signal: AbortSignal;
}

/** The tags that come of others. */
export function changedTags(tags: readonly string[], change: TagChange): readonly string[] {
  if ('set' in change) return change.set.filter((tag, at) => tag !== '' && change.set.indexOf(tag) === at);
  const added = (change.add ?? []).filter((tag, at, all) => !tags.includes(tag) && all.indexOf(tag) === at);
  return [...tags, ...added].filter((tag) => change.remove?.includes(tag) !== true);
}

/**
 * Changes the tags of snapshots: each becomes a new one, whose `original` is the old one's or the old one, which is then deleted. Returns
 * those that changed. vault/bad-options when there is nothing to change.
 */
export async function tagSnapshots(
  repository: Repository,
  snapshots: readonly FoundSnapshot[],
  { change, signal: outer }: TagOptions,
): Promise<ChangedSnapshot[]> {
  const isNothing = !('set' in change) && (change.add ?? []).length + (change.remove ?? []).length === 0;
  if (isNothing)
    throw vaultError('bad-options', { message: 'No tag is given.', hint: 'Give tags to add, to remove or to set.' });
  return withLock(repository, { exclusive: true, signal: outer }, async (signal) => {
    const changed: ChangedSnapshot[] = [];
    for (const found of await stillThere(repository, snapshots, signal)) {
      const { tags = [] } = found.snapshot;
      const next = changedTags(tags, change);
      if (next.length === tags.length && next.every((tag, at) => tag === tags[at])) continue;
      changed.push(
        await replaceSnapshot(repository, found, { ...found.snapshot, tags: next }, { forget: true, signal }),
      );
    }
    return changed;
  });
}
