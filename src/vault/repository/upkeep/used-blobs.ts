import { vaultError } from '../../errors.ts';
import { asArray, asId, asObject, jsonText, parseObject } from '../format/read-json.ts';
import type { Repository } from '../repository.ts';
import { TreeReader } from '../tree/tree-reader.ts';
import { BitSet } from './bit-set.ts';

/** So many trees are read at once. */
const treesAtOnce = 8;

/** What a tree refers to: ids in hex, one behind the other. */
interface TreeReferences {
  readonly content: readonly string[];
  readonly subtrees: readonly string[];
}

export interface UsedBlobsOptions {
  readonly signal: AbortSignal;
  /** Told how many trees were read until now. */
  readonly onTree?: (done: number) => void;
  /** What is known to be used already: what of it is found again is not looked at. */
  readonly known?: BitSet;
  /** Told of each entry that is new in the set. */
  readonly onBlob?: (entry: number) => void;
}

/**
 * Finds all blobs that trees refer to, and these trees: their entries in the index (the first of each blob). Each tree is
 * read once. Throws vault/missing-object, vault/truncated or vault/corrupt when a tree can't be read or a blob is missing.
 */
export async function findUsedBlobs(
  repository: Repository,
  trees: Iterable<string>,
  { signal, onTree, onBlob, known }: UsedBlobsOptions,
): Promise<BitSet> {
  const { index } = repository;
  const used = known ?? new BitSet(index.blobCount);
  const reader = new TreeReader(repository, signal);
  const waiting: string[] = [];
  const name = Buffer.alloc(32);
  let done = 0;
  const use = (type: 'data' | 'tree', id: string): boolean => {
    name.write(id, 'hex');
    const entry = index.find(type, name);
    if (entry < 0) throw missing(type, id);
    if (!used.add(entry)) return false;
    onBlob?.(entry);
    return true;
  };
  const addTree = (id: string): void => {
    if (use('tree', id)) waiting.push(id);
  };
  const one = async (id: string): Promise<void> => {
    signal.throwIfAborted();
    const { content, subtrees } = await reader.loadAs(id, referencesOf);
    for (const blob of content) use('data', blob);
    for (const subtree of subtrees) addTree(subtree);
    done += 1;
    onTree?.(done);
  };
  for (const tree of trees) addTree(tree);
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  while (failures.length === 0 && (waiting.length > 0 || running.size > 0)) {
    // The last that was found is the first to be read: few wait, and neighbours in a pack are read together.
    const next = running.size < treesAtOnce ? waiting.pop() : undefined;
    if (next === undefined) await Promise.race(running);
    else {
      const task: Promise<void> = one(next)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(task));
      running.add(task);
    }
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return used;
}

const what = 'A tree';

/** What a tree refers to, without making nodes of it. */
function referencesOf(json: Uint8Array): TreeReferences {
  const content: string[] = [];
  const subtrees: string[] = [];
  const tree = parseObject(jsonText(json, what), what);
  if (!('nodes' in tree)) throw new RangeError('it has no list of nodes');
  for (const value of asArray(tree['nodes'], what)) {
    const { type, content: ids, subtree } = asObject(value, what);
    if (type === 'dir') subtrees.push(asId(subtree, what));
    if (type === 'file') for (const id of asArray(ids, what)) content.push(asId(id, what));
  }
  return { content, subtrees };
}

const missing = (type: string, id: string): Error =>
  vaultError('missing-object', {
    message: `The ${type} blob ${id}, which a snapshot needs, is in no pack that the index knows.`,
    hint: 'Nothing was changed. Run "holdfast check", then "holdfast repair index"; what stays missing takes "holdfast repair snapshots".',
    context: { id },
  });
