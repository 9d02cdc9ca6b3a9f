import { createPathFilter } from '../../../../source/index.ts';
import type { Snapshot } from '../../format/snapshot-file.ts';
import type { Repository } from '../../repository.ts';
import { type FoundSnapshot, withCounts } from '../../snapshot/snapshot-facts.ts';
import { loadAnew } from '../../reading/load-anew.ts';
import { assertNoneLost } from '../../reading/lost-packs.ts';
import { type ChangedSnapshot, replaceSnapshot, stillThere, withTag } from './replace-snapshot.ts';
import { TreeRewriter } from './tree-rewriter.ts';
import { type TreeSaving, withTreeSaving } from './tree-saving.ts';
import { withLock } from '../../lock/with-lock.ts';

export interface RewriteSnapshotsOptions {
  /** What is left out: patterns as in .gitignore, against paths below "/". */
  readonly exclude?: readonly string[];
  readonly newHost?: string;
  readonly newTimeNs?: bigint;
  /** Deletes the old snapshots; else they stay, and the new ones have the tag "rewrite". */
  readonly forget: boolean;
  readonly dryRun: boolean;
  /** True takes no lock in a dry run. */
  readonly lockless?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Makes new snapshots of others, without what `exclude` matches. What was left out is still in the repository until the old snapshots are
 * forgotten and it is pruned. Returns those that changed. source/bad-pattern, vault/newer-format, and what is wrong with a tree, or
 * vault/missing-object where packs are lost.
 */
export async function rewriteSnapshots(
  known: Repository,
  snapshots: readonly FoundSnapshot[],
  options: RewriteSnapshotsOptions,
): Promise<ChangedSnapshot[]> {
  const { forget, dryRun } = options;
  const locking = { exclusive: forget, lockless: dryRun && options.lockless, signal: options.signal };
  return withLock(known, locking, async (signal) => {
    const { repository } = await loadAnew(known, { signal });
    await assertNoneLost(repository, signal);
    return withTreeSaving(repository, { dryRun, signal }, async (trees) => {
      const changed: ChangedSnapshot[] = [];
      for (const found of await stillThere(repository, snapshots, signal)) {
        const next = await rewriteOne(repository, found, { ...options, signal, trees });
        if (!next) continue;
        if (dryRun) changed.push({ oldId: found.id });
        else {
          await trees.complete();
          changed.push(await replaceSnapshot(repository, found, next, { forget, signal }));
        }
      }
      return changed;
    });
  });
}

/** The snapshot that comes of another; undefined when nothing of it changes. */
async function rewriteOne(
  repository: Repository,
  { id, snapshot }: FoundSnapshot,
  options: RewriteSnapshotsOptions & { readonly trees: TreeSaving },
): Promise<Snapshot | undefined> {
  const { exclude = [], newHost, newTimeNs, forget, signal, trees } = options;
  const filter = createPathFilter({ exclude });
  let files = 0;
  let sizeBytes = 0;
  const rewriter = new TreeRewriter({
    repository,
    signal,
    byPath: true,
    save: (json) => trees.save(json),
    rewriteNode: (node, path) => {
      if (filter.decide(path, node.type === 'dir') === 'skip') return undefined;
      if (node.type === 'file') {
        files += 1;
        sizeBytes += node.size ?? 0;
      }
      return node;
    },
  });
  const tree = exclude.length === 0 ? snapshot.tree : await rewriter.rewrite(snapshot.tree);
  if (tree === snapshot.tree && newHost === undefined && newTimeNs === undefined) return undefined;
  const counted = tree === snapshot.tree ? snapshot : withCounts({ ...snapshot, tree }, { files, sizeBytes });
  const tags = forget ? snapshot.tags : withTag(snapshot, 'rewrite');
  return {
    ...counted,
    original: id,
    ...(tags && { tags }),
    ...(newHost !== undefined && { hostname: newHost }),
    ...(newTimeNs !== undefined && { timeNs: newTimeNs }),
  };
}
