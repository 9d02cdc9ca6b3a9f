import { vaultError } from '../../errors.ts';
import { quoteName } from '../format/go-json.ts';
import type { TreeNode } from '../format/tree-node.ts';
import type { Repository } from '../repository.ts';
import { TreeReader } from '../tree/tree-reader.ts';
import type { Findings } from './findings.ts';

/** So many trees are read at once. */
const treesAtOnce = 8;

export interface CheckTreesOptions {
  readonly signal: AbortSignal;
  /** For people: what the trees belong to. */
  readonly owner: string;
  /** Told of each file whose blobs are all in the index: their entries, in order. */
  readonly onFile?: (entries: readonly number[], node: TreeNode, path: string) => void;
  /** Told of each tree: its entry in the index. */
  readonly onTree?: (entry: number) => void;
}

interface WaitingTree {
  readonly id: string;
  readonly path: string;
}

/**
 * Reads a tree and all below it: each must decode, every directory must have a tree, every file's blobs must be in the
 * index. Trees in `seen` (by id, as latin1) were checked before; those that are read are added to it.
 */
export class TreeChecker {
  private readonly repository: Repository;
  private readonly findings: Findings;
  private readonly seen = new Set<string>();
  private readonly trees: TreeReader;

  constructor(repository: Repository, findings: Findings, signal: AbortSignal) {
    this.repository = repository;
    this.findings = findings;
    this.trees = new TreeReader(repository, signal);
  }

  /** How many trees were read. */
  get count(): number {
    return this.seen.size;
  }

  async check(tree: string, options: CheckTreesOptions): Promise<void> {
    const waiting: WaitingTree[] = [];
    const add = (next: WaitingTree): void => {
      const key = Buffer.from(next.id, 'hex').toString('latin1');
      if (!this.seen.has(key)) waiting.push(next);
      this.seen.add(key);
    };
    add({ id: tree, path: '' });
    const running = new Set<Promise<void>>();
    const failures: unknown[] = [];
    while (failures.length === 0 && (waiting.length > 0 || running.size > 0)) {
      // The last that was found is the first to be read: few wait, whatever the shape of the tree.
      const next = running.size < treesAtOnce ? waiting.pop() : undefined;
      if (!next) await Promise.race(running);
      else {
        const task: Promise<void> = this.one(next, add, options)
          .catch((error: unknown) => void failures.push(error))
          .finally(() => running.delete(task));
        running.add(task);
      }
    }
    await Promise.all(running);
    if (failures.length > 0) throw failures[0];
  }

  private async one(
    { id, path }: WaitingTree,
    add: (next: WaitingTree) => void,
    options: CheckTreesOptions,
  ): Promise<void> {
    const { signal, owner } = options;
    signal.throwIfAborted();
    let nodes: readonly TreeNode[];
    try {
      nodes = await this.trees.load(id);
    } catch (error) {
      this.findings.tell(lostFolder(path, owner, error), signal);
      return;
    }
    options.onTree?.(this.repository.index.find('tree', Buffer.from(id, 'hex')));
    for (const node of nodes) {
      const below = `${path}/${quoteName(node.name)}`;
      if (node.type === 'dir' && node.subtree !== undefined) add({ id: node.subtree, path: below });
      else if (node.type === 'dir') this.findings.tell(lostFolder(below, owner, noTree), signal);
      else if (node.type === 'file') this.file(node, below, options);
    }
  }

  private file(node: TreeNode, path: string, { owner, signal, onFile }: CheckTreesOptions): void {
    const ids = node.content ?? [];
    const entries = ids.map((id) => this.repository.index.find('data', Buffer.from(id, 'hex')));
    const missing = entries.filter((entry) => entry < 0).length;
    if (missing === 0) onFile?.(entries, node, path);
    else this.findings.tell(lostContent(path, owner, { missing, total: ids.length }), signal);
  }
}

const noTree = vaultError('corrupt', { message: 'It has no tree.' });

const lostFolder = (path: string, owner: string, cause: unknown): unknown => {
  if (!(cause instanceof Error) || !('code' in cause) || !String(cause.code).startsWith('vault/')) return cause;
  return vaultError(cause.code === 'vault/missing-object' ? 'missing-object' : 'corrupt', {
    message: `The folder "${path || '/'}" of ${owner} can not be read: ${cause.message}`,
    hint: 'Run "holdfast repair index" if an index was lost; else "holdfast repair snapshots" makes restore points without it.',
    cause,
  });
};

const lostContent = (path: string, owner: string, { missing, total }: { missing: number; total: number }): Error =>
  vaultError('missing-object', {
    message: `The file "${path}" of ${owner} misses ${missing} of its ${total} blobs: no index knows them.`,
    hint: 'Run "holdfast repair index" if an index was lost; back it up again where it still exists; else "holdfast repair snapshots" makes restore points without it.',
  });
