import { type Soon, whenThere } from '../../../base/concurrency.ts';
import type { FileState, Need } from '../../../source/index.ts';
import { decodeTree, type TreeNode } from '../format/tree-node.ts';
import type { Repository } from '../repository.ts';
import type { KnownDirectory } from './folder.ts';

/** One directory of the restore point before. */
interface Names extends KnownDirectory {
  /** By their names in latin1, which keeps bytes apart. */
  readonly nodes: ReadonlyMap<string, TreeNode>;
}

/** A node, and where it is. */
export interface KnownNode {
  readonly node: TreeNode;
  readonly directory: KnownDirectory;
}

const separator = 0x2f;
const split = (path: Buffer): string[] => (path.length === 0 ? [] : path.toString('latin1').split('/'));

export interface PreviousTreeOptions {
  /** The id of the tree that holds the root's entries. */
  readonly tree: string;
  /** True when whoever read it left out nothing that this process would find: attributes above all. */
  readonly isWhole: boolean;
  /** Of which files it has less than the truth. */
  readonly isHalfRead: (path: Buffer) => boolean;
  /** What tells nothing of a change. */
  readonly ignored: { readonly inode: boolean; readonly ctime: boolean };
  readonly signal: AbortSignal;
}

/**
 * The tree of the restore point before, which tells what has not changed since. It is asked in the order of the
 * entries: only the directories on the way to the last question are held.
 */
export class PreviousTree {
  private readonly repository: Repository;
  private readonly signal: AbortSignal;
  private readonly isWhole: boolean;
  private readonly isHalfRead: (path: Buffer) => boolean;
  private readonly ignored: PreviousTreeOptions['ignored'];
  /** Those of the directories under way. */
  private readonly entered = new Map<string, KnownNode>();
  /** The directories from the root down to where the last question was. */
  private readonly way: { readonly name: string; readonly names: Promise<Names> }[];

  private current: { readonly path: Buffer; readonly names: Names } | undefined;

  constructor(repository: Repository, { tree, isWhole, isHalfRead, ignored, signal }: PreviousTreeOptions) {
    this.repository = repository;
    this.isWhole = isWhole;
    this.isHalfRead = isHalfRead;
    this.ignored = ignored;
    this.signal = signal;
    this.way = [{ name: '', names: this.load(tree) }];
  }

  /** What a file's node and content here leave to be read. */
  needOf(file: FileState): Soon<Need> {
    return whenThere(this.find(file.path), (node) => {
      if (this.contentOf(node, file) === undefined) return 'in-place';
      return this.isWhole && node && isKnown(node, file) ? 'nothing' : 'facts';
    });
  }

  /** The ids of a file's content, when nothing tells that it has changed and all of it is still in the repository. */
  unchangedContent(file: FileState): Soon<readonly string[] | undefined> {
    return whenThere(this.find(file.path), (node) => this.contentOf(node, file));
  }

  /** To be called for each directory before what is in it. */
  enter(path: Buffer): Soon<void> {
    return whenThere(this.findKnown(path), (known) => {
      if (known?.node.subtree !== undefined) this.entered.set(path.toString('latin1'), known);
    });
  }

  /** The directory as it was before. To be called once, when all in it is known. */
  leave(path: Buffer): KnownNode | undefined {
    const key = path.toString('latin1');
    const before = this.entered.get(key);
    this.entered.delete(key);
    return before;
  }

  has(path: Buffer): Soon<boolean> {
    return whenThere(this.find(path), (node) => node !== undefined);
  }

  findKnown(path: Buffer): Soon<KnownNode | undefined> {
    return whenThere(this.find(path), (node) => node && this.current && { node, directory: this.current.names });
  }

  private contentOf(node: TreeNode | undefined, file: FileState): readonly string[] | undefined {
    if (node?.type !== 'file' || !node.content || this.isHalfRead(file.path)) return undefined;
    if (!isSame(node, file, this.ignored)) return undefined;
    const { index } = this.repository;
    return node.content.every((id) => index.has('data', Buffer.from(id, 'hex'))) ? node.content : undefined;
  }

  /** The node of a path; at once when it is in the directory of the question before. */
  find(path: Buffer): Soon<TreeNode | undefined> {
    const end = Math.max(0, path.lastIndexOf(separator));
    const name = path.toString('latin1', end === 0 ? 0 : end + 1);
    if (this.current?.path.equals(path.subarray(0, end))) return this.current.names.nodes.get(name);
    return this.go(path.subarray(0, end)).then((names) => names.nodes.get(name));
  }

  private async go(directory: Buffer): Promise<Names> {
    const segments = split(directory);
    let depth = 0;
    while (depth < segments.length && this.way[depth + 1]?.name === segments[depth]) depth += 1;
    this.way.length = depth + 1;
    for (const segment of segments.slice(depth)) {
      const node = (await this.way.at(-1)?.names)?.nodes.get(segment);
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
      return { tree, size: nodes.length, nodes: new Map(nodes.map((node) => [node.name.toString('latin1'), node])) };
    } catch {
      this.signal.throwIfAborted();
      return nothing;
    }
  }
}

/** Whether all that tells of a change is as it was, as restic compares it. */
function isSame(
  { size = 0, mtimeNs, ctimeNs, inode }: TreeNode,
  file: FileState,
  ignored: PreviousTreeOptions['ignored'],
): boolean {
  if (size !== file.sizeBytes || mtimeNs !== file.mtimeNs) return false;
  if (!ignored.ctime && file.ctimeNs !== undefined && ctimeNs !== file.ctimeNs) return false;
  return ignored.inode || file.inode === undefined || inode === undefined || inode === file.inode;
}

/** Whether its node tells all that there is to tell of a file: names of owners may change without it, devices, and access times. */
function isKnown(node: TreeNode, file: FileState): boolean {
  if (node.inode === undefined || node.inode !== file.inode || node.ctimeNs !== file.ctimeNs) return false;
  if (node.atimeNs !== (file.atimeNs ?? file.mtimeNs)) return false;
  return node.deviceId === file.deviceId && node.user === file.user && node.group === file.group;
}

const nothing: Promise<Names> = Promise.resolve({ tree: '', size: 0, nodes: new Map() });
