import { hasCode, messageOf } from '../../../../base/errors.ts';
import { encodeSnapshot } from '../../format/snapshot-file.ts';
import { decodeTree, encodeTree } from '../../format/tree-node.ts';
import { encodeEntryNode } from '../../format/node-entry.ts';
import { withLock } from '../../lock/with-lock.ts';
import { loadAnew } from '../../reading/load-anew.ts';
import type { Repository } from '../../repository.ts';
import { listSnapshots } from '../../snapshot/list-snapshots.ts';
import { TreeReader } from '../../tree/tree-reader.ts';
import { BitSet } from '../bit-set.ts';
import { withTreeSaving } from '../snapshots/tree-saving.ts';

export interface RecoverTreesOptions {
  /** Written into the snapshot. */
  readonly host: string;
  readonly user: string;
  readonly signal: AbortSignal;
  /** Told, for people, of each tree and each snapshot that can't be read. */
  readonly onUnreadable: (what: string, why: string) => void;
}

export interface Recovery {
  /** The ids of the uppermost folders that were found. */
  readonly trees: readonly string[];
  /** The snapshot that has them; undefined where there are none. */
  readonly snapshot?: string;
}

/** Digits of an id that make a name, as in restic. */
const shortId = 8;

/**
 * Makes one snapshot of all trees that no other tree and no snapshot refers to, which a prune would remove: what has been
 * forgotten, or was left by a backup that died. Each is a folder in it, named by its id, as restic has it.
 */
export async function recoverTrees(known: Repository, options: RecoverTreesOptions): Promise<Recovery> {
  return withLock(known, { exclusive: false, signal: options.signal }, async (signal) => {
    const { repository } = await loadAnew(known, { signal });
    const trees = await findRoots(repository, { ...options, signal });
    if (trees.length === 0) return { trees };
    return { trees, snapshot: await saveRoots(repository, trees, { ...options, signal }) };
  });
}

async function findRoots(
  repository: Repository,
  { signal, onUnreadable }: RecoverTreesOptions,
): Promise<readonly string[]> {
  const { index } = repository;
  const reader = new TreeReader(repository, signal);
  const referred = new BitSet(index.blobCount);
  const refer = (id: string): void => {
    const entry = index.find('tree', Buffer.from(id, 'hex'));
    if (entry >= 0) referred.add(entry);
  };
  const found = new Map<number, string>();
  // In the order in which they are stored: neighbours are read in one go.
  for (let entry = 0; entry < index.blobCount; entry += 1) {
    if (index.typeOf(entry) !== 'tree' || index.firstOf(entry) !== entry) continue;
    signal.throwIfAborted();
    const id = index.blobOf(entry).id.toString('hex');
    try {
      for (const { subtree } of await reader.loadAs(id, decodeTree)) if (subtree !== undefined) refer(subtree);
      found.set(entry, id);
    } catch (error) {
      if (!hasCode(error, 'vault/missing-object', 'vault/corrupt', 'vault/truncated')) throw error;
      onUnreadable(`the tree ${id}`, messageOf(error));
    }
  }
  const snapshots = await listSnapshots(repository, {
    signal,
    onUnreadable: (key, error) => onUnreadable(key, messageOf(error)),
  });
  for (const { snapshot } of snapshots) refer(snapshot.tree);
  return [...found].flatMap(([entry, id]) => (referred.has(entry) ? [] : [id])).toSorted();
}

/** Their names are the beginnings of their ids, or all of them where two begin alike. */
function namesOf(trees: readonly string[]): readonly string[] {
  const short = trees.map((id) => id.slice(0, shortId));
  return new Set(short).size === trees.length ? short : trees;
}

async function saveRoots(
  repository: Repository,
  roots: readonly string[],
  { host, user, signal }: RecoverTreesOptions,
): Promise<string> {
  const now = BigInt(repository.clock.now().getTime()) * 1_000_000n;
  const folder = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeNs: now } as const;
  const nodes = namesOf(roots).map((name, at) =>
    encodeEntryNode({ ...folder, path: Buffer.from(name) }, { subtree: roots[at] as string }),
  );
  return withTreeSaving(repository, { dryRun: false, signal }, async (trees) => {
    const tree = await trees.save(encodeTree(nodes));
    await trees.complete();
    const snapshot = encodeSnapshot({
      timeNs: now,
      tree,
      paths: ['/recover'],
      hostname: host,
      username: user,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      tags: ['recovered'],
      programVersion: 'holdfast',
    });
    return repository.saveFile('snapshots', snapshot, signal);
  });
}
