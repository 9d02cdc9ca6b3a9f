import { encodeSnapshot, type Snapshot } from '../../format/snapshot-file.ts';
import type { Repository } from '../../repository.ts';
import type { FoundSnapshot } from '../../snapshot/snapshot-facts.ts';
import { deleteFiles } from '../rewrite-index.ts';

export interface ReplaceOptions {
  /** Deletes the old snapshot when the new one is durable. */
  readonly forget: boolean;
  readonly signal: AbortSignal;
}

/** What became of a snapshot. */
export interface ChangedSnapshot {
  readonly oldId: string;
  /** Undefined where nothing takes its place, and in a dry run. */
  readonly newId?: string;
}

/** Saves a changed snapshot. `original` names the first of all that it was made from. */
export async function replaceSnapshot(
  repository: Repository,
  { id, snapshot }: FoundSnapshot,
  changed: Snapshot,
  { forget, signal }: ReplaceOptions,
): Promise<ChangedSnapshot> {
  const original = changed.original ?? snapshot.original ?? id;
  const newId = await repository.saveFile('snapshots', encodeSnapshot({ ...changed, original }), signal);
  if (forget && newId !== id) await deleteFiles(repository, 'snapshots', [id], signal);
  return { oldId: id, newId };
}

/**
 * Those of snapshots that are there. They were chosen before the repository was locked: what one needs that another
 * program has forgotten meanwhile may be gone, and nothing may be made of it. To be called under a lock.
 */
export async function stillThere(
  repository: Repository,
  snapshots: readonly FoundSnapshot[],
  signal: AbortSignal,
): Promise<readonly FoundSnapshot[]> {
  const there = new Set(await Array.fromAsync(repository.list('snapshots', signal), ({ id }) => id));
  return snapshots.filter(({ id }) => there.has(id));
}

/** A snapshot's tags and one more. */
export const withTag = ({ tags = [] }: Snapshot, tag: string): readonly string[] =>
  tags.includes(tag) ? tags : [...tags, tag];
