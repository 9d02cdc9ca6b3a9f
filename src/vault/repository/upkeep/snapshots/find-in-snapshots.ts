import type { SourceEntry } from '../../../../source/index.ts';
import { vaultError } from '../../../errors.ts';
import { quoteName } from '../../format/go-json.ts';
import { entryOfNode } from '../../format/node-entry.ts';
import type { BlobType } from '../../format/pack-header.ts';
import type { TreeNode } from '../../format/tree-node.ts';
import type { Repository } from '../../repository.ts';
import type { FoundSnapshot } from '../../snapshot/snapshot-facts.ts';
import { TreeReader } from '../../tree/tree-reader.ts';
import { type FreshRepository, loadAnew } from '../../reading/load-anew.ts';
import { pathPattern } from './path-pattern.ts';

export interface FindOptions {
  readonly ignoreCase?: boolean;
  /** Bounds of the modification time, both included, in nanoseconds since 1970. */
  readonly oldestNs?: bigint;
  readonly newestNs?: bigint;
  readonly signal: AbortSignal;
}

/** A node whose path matches. */
export interface FoundNode {
  readonly snapshot: FoundSnapshot;
  readonly path: string;
  readonly node: TreeNode;
  /** The same without content; undefined for what can't be restored, such as a socket. */
  readonly entry: SourceEntry | undefined;
}

/** A place where a blob is used. */
export interface FoundBlob {
  readonly snapshot: FoundSnapshot;
  readonly type: 'data' | 'tree';
  readonly id: string;
  /** The pack that it is in; undefined when no index knows it. */
  readonly packId: string | undefined;
  /** The file or the folder that it belongs to, from "/" on. */
  readonly path: string;
  /** Of a data blob: the tree that names the file. */
  readonly parentTree?: string;
}

/** What is looked for by id: beginnings of at least 8 digits, or whole ids. */
export interface WantedIds {
  readonly kind: 'blob' | 'tree' | 'pack';
  readonly ids: readonly string[];
}

/** A node under way of a walk, with the tree that it stands in. */
interface Walked {
  readonly path: string;
  readonly node: TreeNode;
  readonly parentTree: string;
}

/** All nodes whose paths match one of the patterns: `*`, `?`, `[…]`, `**`; a pattern that begins with "/" is of the whole path. */
export async function* findInSnapshots(
  known: Repository,
  snapshots: readonly FoundSnapshot[],
  patterns: readonly string[],
  options: FindOptions,
): AsyncGenerator<FoundNode> {
  const { ignoreCase = false, oldestNs, newestNs, signal } = options;
  const fresh = await loadAnew(known, { signal });
  const matches = patterns.map((pattern) => pathPattern(pattern, ignoreCase));
  const trees = new TreeReader(fresh.repository, signal);
  for (const snapshot of snapshots)
    for await (const { path, node } of walk(trees, snapshot.snapshot.tree, '')) {
      if (!matches.some((match) => match(path))) continue;
      if (oldestNs !== undefined && node.mtimeNs < oldestNs) continue;
      if (newestNs !== undefined && node.mtimeNs > newestNs) continue;
      yield { snapshot, path, node, entry: entryOfNode(node, Buffer.from(path.slice(1))) };
    }
}

/** Where blobs, trees or what is in packs is used. vault/not-found for a pack that nobody knows. */
export async function* findIdsInSnapshots(
  known: Repository,
  snapshots: readonly FoundSnapshot[],
  wanted: WantedIds,
  signal: AbortSignal,
): AsyncGenerator<FoundBlob> {
  const fresh = await loadAnew(known, { signal });
  const { data, tree } = idsOf(fresh, wanted);
  const trees = new TreeReader(fresh.repository, signal);
  for (const snapshot of snapshots) {
    const place = (type: BlobType, id: string, path: string): FoundBlob => ({
      snapshot,
      type,
      id,
      packId: packOf(fresh, type, id),
      path,
    });
    const root = snapshot.snapshot.tree;
    if (tree(root)) yield place('tree', root, '/');
    for await (const { path, node, parentTree } of walk(trees, root, '')) {
      if (node.subtree !== undefined && tree(node.subtree)) yield place('tree', node.subtree, path);
      if (node.type !== 'file') continue;
      for (const id of node.content ?? []) if (data(id)) yield { ...place('data', id, path), parentTree };
    }
  }
}

async function* walk(trees: TreeReader, tree: string, prefix: string): AsyncGenerator<Walked> {
  for (const node of await trees.load(tree)) {
    const path = `${prefix}/${quoteName(node.name)}`;
    yield { path, node, parentTree: tree };
    if (node.type === 'dir' && node.subtree !== undefined) yield* walk(trees, node.subtree, path);
  }
}

function packOf({ repository: { index } }: FreshRepository, type: BlobType, id: string): string | undefined {
  const entry = index.find(type, Buffer.from(id, 'hex'));
  return entry < 0 ? undefined : index.place(entry).packId;
}

type IsWanted = (id: string) => boolean;

const none: IsWanted = () => false;

function idsOf(fresh: FreshRepository, { kind, ids }: WantedIds): { readonly data: IsWanted; readonly tree: IsWanted } {
  const begins: IsWanted = (id) => ids.some((beginning) => id.startsWith(beginning));
  if (kind === 'blob') return { data: begins, tree: none };
  if (kind === 'tree') return { data: none, tree: begins };
  const { index } = fresh.repository;
  const found = { data: new Set<string>(), tree: new Set<string>() };
  const missing = new Set(ids);
  for (const [packId, pack] of fresh.packs) {
    const beginning = ids.find((one) => packId.startsWith(one));
    if (beginning === undefined) continue;
    missing.delete(beginning);
    const { from, to } = index.entriesOf(pack);
    for (let entry = from; entry < to; entry += 1) {
      const { type, id } = index.blobOf(entry);
      found[type].add(id.toString('hex'));
    }
  }
  const [lost] = missing;
  if (lost !== undefined) throw noPack(lost);
  return { data: (id) => found.data.has(id), tree: (id) => found.tree.has(id) };
}

const noPack = (id: string): Error =>
  vaultError('not-found', {
    message: `No index knows a pack ${id}.`,
    hint: 'Check its id; "holdfast repair index" takes packs in that no index knows.',
    context: { pack: id },
  });
