import type { TreeNode } from '../format/tree-node.ts';

interface FirstName {
  readonly path: Buffer;
  readonly node: TreeNode;
  /** How many names may follow. */
  missing: number;
}

/** Finds the names of one file among the nodes of a walk. A file of which all names were seen is forgotten. */
export class HardLinks {
  private readonly firsts = new Map<string, FirstName>();

  /** The path of the first name, for a second or later one; undefined for a first, and for a file with one name. */
  firstOf(path: Buffer, node: TreeNode): Buffer | undefined {
    const { type, links = 1, inode, deviceId = 0n } = node;
    if (links < 2 || inode === undefined || type === 'dir') return undefined;
    const key = `${deviceId} ${inode}`;
    const first = this.firsts.get(key);
    if (!first || !isSame(first.node, node)) {
      this.firsts.set(key, { path, node, missing: links - 1 });
      return undefined;
    }
    first.missing -= 1;
    if (first.missing === 0) this.firsts.delete(key);
    return first.path;
  }
}

/** A file that was changed while it was read may stand in the tree with two contents: then both are kept. */
function isSame(a: TreeNode, b: TreeNode): boolean {
  const sameContent = a.content?.length === b.content?.length && a.content?.every((id, at) => id === b.content?.[at]);
  return a.type === b.type && a.size === b.size && (a.content === b.content || sameContent === true);
}
