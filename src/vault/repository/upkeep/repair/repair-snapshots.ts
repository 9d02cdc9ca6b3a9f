import { hasCode, messageOf } from '../../../../base/errors.ts';
import { quoteName } from '../../format/go-json.ts';
import { decodeSnapshot } from '../../format/snapshot-file.ts';
import type { TreeNode } from '../../format/tree-node.ts';
import type { Repository } from '../../repository.ts';
import type { FoundSnapshot } from '../../snapshot/snapshot-facts.ts';
import { type FreshRepository, loadAnew } from '../../reading/load-anew.ts';
import { assertNoneLost } from '../../reading/lost-packs.ts';
import { type ChangedSnapshot, replaceSnapshot, stillThere, withTag } from '../snapshots/replace-snapshot.ts';
import { deleteFiles } from '../rewrite-index.ts';
import { TreeRewriter } from '../snapshots/tree-rewriter.ts';
import { type TreeSaving, withTreeSaving } from '../snapshots/tree-saving.ts';
import { withLock } from '../../lock/with-lock.ts';

export interface RepairSnapshotsOptions {
  /** Deletes the damaged snapshots; else they stay, and the new ones have the tag "repaired". */
  readonly forget: boolean;
  readonly dryRun: boolean;
  /** True takes no lock in a dry run. */
  readonly lockless?: boolean;
  /** Ids of snapshots that could not be read: they are lost if that is still so. */
  readonly unreadable?: readonly string[];
  readonly signal: AbortSignal;
  /** Told, for people, of each file that loses content and each folder that loses what was in it. */
  readonly onLoss?: (path: string, what: string) => void;
}

export interface SnapshotsRepair {
  /** Snapshots that were damaged and what takes their place; in a dry run, nothing. */
  readonly repaired: readonly ChangedSnapshot[];
  /** Snapshots of which nothing can be read, as they or their uppermost trees are damaged or lost: with `forget` they are deleted. */
  readonly lost: readonly string[];
}

/**
 * Makes new snapshots of damaged ones, without what is lost: files keep the blobs that the index has, folders whose trees can't be read
 * become empty. Sizes that are wrong are put right. Sound snapshots stay as they are. After repairIndex, and repairPacks if need be:
 * vault/missing-object where the index names packs that are lost, as of what was in them nothing would be told.
 */
export async function repairSnapshots(
  known: Repository,
  snapshots: readonly FoundSnapshot[],
  options: RepairSnapshotsOptions,
): Promise<SnapshotsRepair> {
  const { dryRun, lockless } = options;
  const locking = { exclusive: true, lockless: dryRun && lockless, signal: options.signal };
  return withLock(known, locking, async (signal) => {
    const fresh = await loadAnew(known, { signal });
    const { repository } = fresh;
    await assertNoneLost(repository, signal);
    return withTreeSaving(repository, { dryRun, signal }, (trees) =>
      repairAll(fresh, snapshots, { ...options, signal, trees }),
    );
  });
}

async function repairAll(
  fresh: FreshRepository,
  snapshots: readonly FoundSnapshot[],
  options: RepairSnapshotsOptions & { readonly trees: TreeSaving },
): Promise<SnapshotsRepair> {
  const { signal, forget, dryRun, trees, onLoss } = options;
  const { repository } = fresh;
  const rewriter = new TreeRewriter({
    repository,
    signal,
    save: (json) => trees.save(json),
    rewriteNode: (node, path) => repairNode(fresh, node, (what) => onLoss?.(`/${quoteName(path)}`, what)),
    onLostTree: (path, error) => onLoss?.(`/${quoteName(path)}`, `becomes an empty folder: ${messageOf(error)}`),
  });
  const repaired: ChangedSnapshot[] = [];
  const lost = await stillUnreadable(repository, options);
  for (const found of await stillThere(repository, snapshots, signal)) {
    const { id, snapshot } = found;
    let tree: string;
    try {
      tree = await rewriter.rewrite(snapshot.tree);
    } catch (error) {
      signal.throwIfAborted();
      if (!hasCode(error, 'vault/missing-object', 'vault/corrupt', 'vault/truncated')) throw error;
      onLoss?.('/', messageOf(error));
      lost.push(id);
      continue;
    }
    if (tree === snapshot.tree) continue;
    if (dryRun) repaired.push({ oldId: id });
    else {
      await trees.complete();
      const tags = forget ? snapshot.tags : withTag(snapshot, 'repaired');
      repaired.push(
        await replaceSnapshot(
          repository,
          found,
          { ...snapshot, tree, original: id, ...(tags && { tags }) },
          { forget, signal },
        ),
      );
    }
  }
  // A lost tree that was empty has the name of the one that takes its place: no snapshot changes, and all are sound again.
  if (!dryRun) await trees.complete();
  if (forget && !dryRun) await deleteFiles(repository, 'snapshots', lost, signal);
  return { repaired, lost };
}

/** Those of snapshots that could not be read of which that is so under the lock as well; a newer program's is none. */
async function stillUnreadable(
  repository: Repository,
  { unreadable = [], signal }: Pick<RepairSnapshotsOptions, 'unreadable' | 'signal'>,
): Promise<string[]> {
  const damaged: string[] = [];
  for (const id of unreadable)
    try {
      decodeSnapshot(await repository.loadFile('snapshots', id, signal));
    } catch (error) {
      if (hasCode(error, 'vault/corrupt')) damaged.push(id);
      else if (!hasCode(error, 'vault/missing-object', 'vault/newer-format')) throw error;
    }
  return damaged;
}

/** A node with what is there of it; itself when nothing is wrong. */
function repairNode(
  { repository: { index }, plainSizes }: FreshRepository,
  node: TreeNode,
  tell: (what: string) => void,
): TreeNode | undefined {
  if (node.type === 'irregular' || node.type === '') {
    tell(`is left out: it is of the type "${node.type}"`);
    return undefined;
  }
  if (node.type !== 'file') return node;
  const ids = node.content ?? [];
  let size = 0;
  const content = ids.filter((id) => {
    const entry = index.find('data', Buffer.from(id, 'hex'));
    if (entry >= 0) size += plainSizes.of(entry);
    return entry >= 0;
  });
  if (content.length === ids.length && size === (node.size ?? 0)) return node;
  tell(
    content.length === ids.length
      ? `has ${size} bytes, not ${node.size ?? 0}`
      : `loses ${ids.length - content.length} of its ${ids.length} parts`,
  );
  return { ...node, content, size };
}
