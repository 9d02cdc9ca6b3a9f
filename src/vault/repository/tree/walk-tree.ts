import { vaultError } from '../../errors.ts';
import { quoteName } from '../format/go-json.ts';
import type { TreeNode } from '../format/tree-node.ts';
import type { TreeReader } from './tree-reader.ts';

/** One node of a tree, with its path below where the walk began. */
export interface WalkedNode {
  readonly path: Buffer;
  readonly node: TreeNode;
}

/** So many trees of directories that come next are loaded ahead, from each directory under way. */
const treesAhead = 8;

interface Level {
  readonly path: Buffer;
  readonly nodes: readonly TreeNode[];
  /** Of the subdirectories, what was loaded ahead; by the number of the node. */
  readonly ahead: Map<number, Promise<readonly TreeNode[]>>;
  at: number;
  /** Up to where subdirectories were loaded ahead. */
  scanned: number;
}

const separator = Buffer.from('/');
const below = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, separator, name]);

/** All nodes below a tree, depth first: a directory before what is in it, names ascending by their bytes. */
export async function* walkTree(trees: TreeReader, tree: string): AsyncGenerator<WalkedNode> {
  const levels = [levelOf(Buffer.alloc(0), await trees.load(tree))];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const number = level.at;
    const node = level.nodes[number];
    if (!node) {
      levels.pop();
      continue;
    }
    level.at += 1;
    const path = below(level.path, node.name);
    if (node.type === 'dir') loadAhead(trees, level);
    yield { path, node };
    if (node.type !== 'dir') continue;
    const nodes = await level.ahead.get(number);
    level.ahead.delete(number);
    if (!nodes) throw noSubtree(path);
    levels.push(levelOf(path, nodes));
  }
}

const levelOf = (path: Buffer, nodes: readonly TreeNode[]): Level => ({
  path,
  nodes,
  ahead: new Map(),
  at: 0,
  scanned: 0,
});

function loadAhead(trees: TreeReader, level: Level): void {
  for (; level.scanned < level.nodes.length && level.ahead.size < treesAhead; level.scanned += 1) {
    const { type, subtree } = level.nodes[level.scanned] ?? {};
    if (type !== 'dir' || subtree === undefined) continue;
    const nodes = trees.load(subtree);
    nodes.catch(() => {}); // thrown when the walk comes to it
    level.ahead.set(level.scanned, nodes);
  }
}

const noSubtree = (path: Buffer): Error =>
  vaultError('corrupt', {
    message: `The directory "${quoteName(path)}" has no tree.`,
    hint: 'Run "holdfast check"; then "holdfast repair snapshots" makes restore points without it.',
  });
