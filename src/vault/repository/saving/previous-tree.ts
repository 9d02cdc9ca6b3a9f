import { type Soon, whenThere } from '../../../base/concurrency.ts';
import type { FileState } from '../../../source/index.ts';
import { decodeTree, type TreeNode } from '../format/tree-node.ts';
import type { Repository } from '../repository.ts';

/** One directory of the restore point before: its names in latin1, which keeps bytes apart. */
type Names = ReadonlyMap<string, TreeNode>;

const separator = 0x2f;
const split = (path: Buffer): string[] => (path.length === 0 ? [] : path.toString('latin1').split('/'));

/**
 * The tree of the restore point before, which tells what has not changed since. It is asked in the order of the
 * entries: only the directories on the way to the last question are held.
 */
export class PreviousTree {
  private readonly repository: Repository;
  private readonly signal: AbortSignal;
  /** Those of the directories under way. */
  private readonly subtrees = new Map<string, string>();
  /** The directories from the root down to where the last question was. */
  private readonly way: { readonly name: string; readonly names: Promise<Names> }[];

  private current: { readonly path: Buffer; readonly names: Names } | undefined;

  /** `tree` is the id of the tree that holds the root's entries. */
  constructor(repository: Repository, tree: string, signal: AbortSignal) {
    this.repository = repository;
    this.signal = signal;
    this.way = [{ name: '', names: this.load(tree) }];
  }

  /** The ids of a file's content, when nothing tells that it has changed and all of it is still in the repository. */
  unchangedContent(file: FileState): Soon<readonly string[] | undefined> {
    return whenThere(this.find(file.path), (node) => {
      if (node?.type !== 'file' || !node.content || !isSame(node, file)) return undefined;
      const { index } = this.repository;
      return node.content.every((id) => index.has('data', Buffer.from(id, 'hex'))) ? node.content : undefined;
    });
  }

  /** To be called for each directory before what is in it. */
  enter(path: Buffer): Soon<void> {
    return whenThere(this.find(path), (node) => {
      if (node?.subtree !== undefined) this.subtrees.set(path.toString('latin1'), node.subtree);
    });
  }

  /** What became of a directory whose tree is `subtree` now. To be called once. */
  stateOf(path: Buffer, subtree: string): 'new' | 'changed' | 'unmodified' {
    const key = path.toString('latin1');
    const before = this.subtrees.get(key);
    this.subtrees.delete(key);
    if (before === undefined) return 'new';
    return before === subtree ? 'unmodified' : 'changed';
  }

  has(path: Buffer): Soon<boolean> {
    return whenThere(this.find(path), (node) => node !== undefined);
  }

  /** The node of a path; at once when it is in the directory of the question before. */
  find(path: Buffer): Soon<TreeNode | undefined> {
    const end = Math.max(0, path.lastIndexOf(separator));
    const name = path.toString('latin1', end === 0 ? 0 : end + 1);
    if (this.current?.path.equals(path.subarray(0, end))) return this.current.names.get(name);
    return this.go(path.subarray(0, end)).then((names) => names.get(name));
  }

  private async go(directory: Buffer): Promise<Names> {
    const segments = split(directory);
    let depth = 0;
    while (depth < segments.length && this.way[depth + 1]?.name === segments[depth]) depth += 1;
    this.way.length = depth + 1;
    for (const segment of segments.slice(depth)) {
      const node = (await this.way.at(-1)?.names)?.get(segment);
      const names = node?.type === 'dir' && node.subtree ? this.load(node.subtree) : nothing;
      this.way.push({ name: segment, names });
    }
    const names = (await this.way.at(-1)?.names) ?? (await nothing);
    this.current = { path: Buffer.from(directory), names };
    return names;
  }

  /** A directory that can't be read any more only costs that its files are read again. */
  private async load(tree: string): Promise<Names> {
    try {
      const nodes = decodeTree(await this.repository.loadBlob('tree', tree, this.signal));
      return new Map(nodes.map((node) => [node.name.toString('latin1'), node]));
    } catch {
      this.signal.throwIfAborted();
      return new Map();
    }
  }
}

/** Whether all that tells of a change is as it was, as restic compares it. */
function isSame({ size = 0, mtimeNs, ctimeNs, inode }: TreeNode, file: FileState): boolean {
  if (size !== file.sizeBytes || mtimeNs !== file.mtimeNs) return false;
  if (file.ctimeNs !== undefined && ctimeNs !== file.ctimeNs) return false;
  return file.inode === undefined || inode === undefined || inode === file.inode;
}

const nothing: Promise<Names> = Promise.resolve(new Map());
