import { hash } from 'node:crypto';
import { HoldfastError } from '../../../../base/errors.ts';
import { vaultError } from '../../../errors.ts';
import { quoteName } from '../../format/go-json.ts';
import { encodeNode, encodeTree, type TreeNode } from '../../format/tree-node.ts';
import type { Repository } from '../../repository.ts';
import { TreeReader } from '../../tree/tree-reader.ts';

export interface TreeRewriterOptions {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  /** Saves the JSON of a tree that is new, and returns its id. */
  readonly save: (json: Buffer) => Promise<string>;
  /** What becomes of a node below "/": itself, a changed one, or nothing. */
  readonly rewriteNode: (node: TreeNode, path: Buffer) => TreeNode | undefined;
  /**
   * Told of a folder whose tree is lost or damaged, which becomes empty. Without it that is thrown, and so is a tree that this program
   * can not write as it stands: it holds something of a newer one.
   */
  readonly onLostTree?: (path: Buffer, error: unknown) => void;
  /** What becomes of a node depends on where it is: no tree is taken for done because it was seen elsewhere. */
  readonly byPath?: boolean;
}

const slash = Buffer.from('/');

/** Makes trees out of trees, from the leaves up. What does not change keeps its id. */
export class TreeRewriter {
  private readonly options: TreeRewriterOptions;
  private readonly trees: TreeReader;
  private readonly done = new Map<string, string>();

  constructor(options: TreeRewriterOptions) {
    this.options = options;
    this.trees = new TreeReader(options.repository, options.signal);
  }

  /** The id of the tree that comes of a snapshot's uppermost one. Throws when that one is lost. */
  async rewrite(tree: string): Promise<string> {
    return this.finish(tree, await this.trees.load(tree), Buffer.alloc(0));
  }

  private async below(tree: string | undefined, path: Buffer): Promise<string> {
    const known = tree !== undefined && this.options.byPath !== true ? this.done.get(tree) : undefined;
    if (known !== undefined) return known;
    let nodes: readonly TreeNode[];
    try {
      if (tree === undefined) throw noTree(path);
      nodes = await this.trees.load(tree);
    } catch (error) {
      this.options.signal.throwIfAborted();
      if (!this.options.onLostTree || !isLost(error)) throw error;
      this.options.onLostTree(path, error);
      return this.options.save(encodeTree([]));
    }
    const result = await this.finish(tree, nodes, path);
    this.done.set(tree, result);
    return result;
  }

  private async finish(tree: string, nodes: readonly TreeNode[], path: Buffer): Promise<string> {
    const { rewriteNode, onLostTree, save, signal } = this.options;
    const kept: string[] = [];
    let changes = false;
    for (const node of nodes) {
      signal.throwIfAborted();
      const at = path.length === 0 ? node.name : Buffer.concat([path, slash, node.name]);
      const next = rewriteNode(node, at);
      changes ||= next !== node;
      if (!next) continue;
      const subtree = next.type === 'dir' ? await this.below(next.subtree, at) : undefined;
      const moved = subtree !== undefined && subtree !== next.subtree;
      changes ||= moved;
      kept.push(encodeNode(moved ? { ...next, subtree } : next));
    }
    if (!onLostTree && changes) assertFaithful(tree, nodes, path);
    return changes ? save(encodeTree(kept)) : tree;
  }
}

/** What this program can not write as it stands, it would lose. */
function assertFaithful(tree: string, nodes: readonly TreeNode[], path: Buffer): void {
  if (hash('sha256', encodeTree(nodes.map(encodeNode)), 'hex') === tree) return;
  throw vaultError('newer-format', {
    message: `The folder "/${quoteName(path)}" can not be written again without losing something: a newer program wrote it.`,
    hint: 'Use a newer version.',
    context: { tree },
  });
}

const isLost = (error: unknown): boolean =>
  error instanceof HoldfastError && ['vault/missing-object', 'vault/corrupt', 'vault/truncated'].includes(error.code);

const noTree = (path: Buffer): Error =>
  vaultError('corrupt', { message: `The directory "/${quoteName(path)}" has no tree.` });
