import { hasCode } from '../../../base/errors.ts';
import type { SourceEntry } from '../../../source/index.ts';
import { vaultError } from '../../errors.ts';
import { entryOfNode } from '../format/node-entry.ts';
import { decodeSnapshot } from '../format/snapshot-file.ts';
import type { TreeNode } from '../format/tree-node.ts';
import { ContentReader } from '../reading/content-reader.ts';
import type { Repository } from '../repository.ts';
import { type FoundSnapshot, holdfastFactsOf, rootSegments } from '../snapshot/snapshot-facts.ts';
import { DataRuns } from './data-runs.ts';
import { EntryQueue, type SnapshotEntry } from './entry-queue.ts';
import { HardLinks } from './hard-links.ts';
import { TreeReader } from './tree-reader.ts';
import { walkTree } from './walk-tree.ts';

export interface ReadSnapshotOptions {
  /** Entries come with their paths below "/", instead of below the root of what was backed up. */
  readonly wholePaths: boolean;
  readonly signal: AbortSignal;
}

/** Where the entries of a restore point begin. */
interface Root {
  readonly tree: string;
  /** Undefined for the uppermost folder, which has no node. */
  readonly node: TreeNode | undefined;
}

const bareRoot: SourceEntry = { path: Buffer.alloc(0), type: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };

/** The folder that `segments` lead to; of a path that leads to no folder (restic backs up single files) the last one. */
async function findRoot(trees: TreeReader, tree: string, segments: readonly Buffer[]): Promise<Root> {
  let root: Root = { tree, node: undefined };
  for (const segment of segments) {
    const node = (await trees.load(root.tree)).find(({ name }) => name.equals(segment));
    if (node?.type !== 'dir' || node.subtree === undefined) break;
    root = { tree: node.subtree, node };
  }
  return root;
}

/** The entries of a snapshot: without a root where it holds one file only. */
export async function* snapshotEntries(
  repository: Repository,
  found: FoundSnapshot,
  { wholePaths, signal }: ReadSnapshotOptions,
): AsyncGenerator<SnapshotEntry> {
  const trees = new TreeReader(repository, signal);
  const { tree, node: rootNode } = await findRoot(trees, found.snapshot.tree, wholePaths ? [] : rootSegments(found));
  const rootEntry = rootNode && entryOfNode(rootNode, Buffer.alloc(0));
  if (holdfastFactsOf(found.snapshot)?.source.shape !== 'file') yield { entry: rootEntry ?? bareRoot };
  const links = new HardLinks();
  const runs = new DataRuns(repository, signal);
  for await (const { path, node } of walkTree(trees, tree)) {
    const entry = entryOfNode(node, path);
    if (!entry) {
      repository.logger.warn(`Passed over a ${node.type}: it can not be restored.`, { path: path.toString() });
      continue;
    }
    const hardLinkTo = links.firstOf(path, node);
    if (hardLinkTo) yield { entry: { ...entry, hardLinkTo } };
    else if (entry.type !== 'file') yield { entry };
    else {
      const content = { path, ids: node.content ?? [], sizeBytes: node.size ?? 0 };
      const dataRuns = await runs.of(content);
      yield { entry: dataRuns ? { ...entry, dataRuns } : entry, content };
    }
  }
}

/** The snapshot of a given id. vault/not-found, vault/corrupt. */
async function loadSnapshot(repository: Repository, id: string, signal: AbortSignal): Promise<FoundSnapshot> {
  try {
    return { id, snapshot: decodeSnapshot(await repository.loadFile('snapshots', id, signal)) };
  } catch (error) {
    if (!hasCode(error, 'vault/missing-object')) throw error;
    throw vaultError('not-found', {
      message: `The snapshot ${id.slice(0, 8)} is not in ${repository.store.label}.`,
      hint: 'It was removed meanwhile, or its id is wrong: list the restore points.',
      context: { id },
      cause: error,
    });
  }
}

/**
 * The entries of a snapshot as Vault.read promises them. Contents are read when they are opened, and then ahead of who
 * reads; each blob is checked before its bytes are given. A failure of a content ends the iteration, too.
 */
export async function* readSnapshot(
  repository: Repository,
  snapshotId: string,
  options: ReadSnapshotOptions,
): AsyncGenerator<SourceEntry> {
  const { signal } = options;
  const found = await loadSnapshot(repository, snapshotId, signal);
  await repository.loadIndex(signal);
  const contents = new ContentReader(repository, { signal, onWantsMore: () => void queue.pump() });
  const queue = new EntryQueue(snapshotEntries(repository, found, options), contents);
  try {
    for (let next = await queue.next(); next; next = await queue.next()) {
      signal.throwIfAborted();
      if (next.content) yield Object.assign(next.entry, { open: contents.offer() });
      else yield next.entry;
      contents.leave();
    }
  } finally {
    await contents.close();
  }
}
