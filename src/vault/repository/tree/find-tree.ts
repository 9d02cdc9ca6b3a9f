import { decodeTree, type TreeNode } from '../format/tree-node.ts';
import type { Repository } from '../repository.ts';

/** The id of the tree that holds the names in a folder, or undefined where there is no such folder. */
export async function findTree(
  repository: Repository,
  tree: string,
  segments: readonly Buffer[],
  signal: AbortSignal,
): Promise<string | undefined> {
  let at: string | undefined = tree;
  for (const segment of segments) {
    const node: TreeNode | undefined = decodeTree(await repository.loadBlob('tree', at, signal)).find(({ name }) =>
      name.equals(segment),
    );
    at = node?.type === 'dir' ? node.subtree : undefined;
    if (at === undefined) return undefined;
  }
  return at;
}
