import type { Soon } from '../../../base/concurrency.ts';
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
export class TreeWalk {
  private readonly trees: TreeReader;
  private readonly levels: Level[];
  /** The directory that was given last: what is in it comes next. */
  private entered: { readonly path: Buffer; readonly nodes: Promise<readonly TreeNode[]> | undefined } | undefined;

  private constructor(trees: TreeReader, root: readonly TreeNode[]) {
    this.trees = trees;
    this.levels = [levelOf(Buffer.alloc(0), root)];
  }

  static async begin(trees: TreeReader, tree: string): Promise<TreeWalk> {
    return new TreeWalk(trees, await trees.load(tree));
  }

  /** The next node, at once where its tree is there; undefined after the last. */
  next(): Soon<WalkedNode | undefined> {
    if (this.entered) return this.descend(this.entered);
    for (let level = this.levels.at(-1); level; level = this.levels.at(-1)) {
      const number = level.at;
      const node = level.nodes[number];
      if (!node) {
        this.levels.pop();
        continue;
      }
      level.at += 1;
      const path = below(level.path, node.name);
      if (node.type === 'dir') {
        loadAhead(this.trees, level);
        this.entered = { path, nodes: level.ahead.get(number) };
        level.ahead.delete(number);
      }
      return { path, node };
    }
    return undefined;
  }

  private async descend({ path, nodes }: NonNullable<TreeWalk['entered']>): Promise<WalkedNode | undefined> {
    if (!nodes) throw noSubtree(path);
    this.levels.push(levelOf(path, await nodes));
    this.entered = undefined;
    return this.next();
  }
}

/** The same as an iteration. */
export async function* walkTree(trees: TreeReader, tree: string): AsyncGenerator<WalkedNode> {
  const walk = await TreeWalk.begin(trees, tree);
  for (let next = await walk.next(); next; next = await walk.next()) yield next;
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
