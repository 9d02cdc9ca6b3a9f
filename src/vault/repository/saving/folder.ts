import { encodeNode, type TreeNode } from '../format/tree-node.ts';

/** A directory as the restore point before has it. */
export interface KnownDirectory {
  /** The id of its tree. */
  readonly tree: string;
  /** How many nodes are in it. */
  readonly size: number;
}

/**
 * A directory whose nodes become known one by one, in any order: a file's when its blobs have their names, a
 * directory's when all in it is known. Then its tree can be made.
 */
export class Folder {
  /** Relative to the source's root; undefined above it. */
  readonly path: Buffer | undefined;
  private readonly nodes: (string | TreeNode)[] = [];
  private missing = 1;
  private kept = 0;
  private keptOf: KnownDirectory | undefined;
  private readonly onKnown: (folder: Folder) => void;

  /** `onKnown` is called once `close` was called and no node is missing. */
  constructor(path: Buffer | undefined, onKnown: (folder: Folder) => void) {
    this.path = path;
    this.onKnown = onKnown;
  }

  /** The id of the tree, where that is the one before: all its nodes were kept, and no others are there. */
  get keptTree(): string | undefined {
    const { kept, keptOf, nodes } = this;
    return keptOf && kept === nodes.length && kept === keptOf.size ? keptOf.tree : undefined;
  }

  /** The nodes, as JSON, in the order of the slots. */
  texts(): readonly string[] {
    const there = this.nodes.filter((node) => node !== '');
    return there.map((node) => (typeof node === 'string' ? node : encodeNode(node)));
  }

  /** A place for the next name. Must be filled later. */
  slot(): number {
    this.missing += 1;
    return this.nodes.push('') - 1;
  }

  /** Of a name that came to nothing, the node is empty. */
  fill(slot: number, node: string): void {
    this.nodes[slot] = node;
    this.close();
  }

  /** Fills a slot with a node that is the one before. */
  fillKept(slot: number, node: TreeNode, directory: KnownDirectory): void {
    this.nodes[slot] = node;
    this.kept += 1;
    this.keptOf = directory;
    this.close();
  }

  add(node: string): void {
    this.nodes.push(node);
  }

  /** Adds a node as it was before, in the directory that became this one. */
  keep(node: TreeNode, directory: KnownDirectory): void {
    this.nodes.push(node);
    this.kept += 1;
    this.keptOf = directory;
  }

  /** No name will follow. */
  close(): void {
    this.missing -= 1;
    if (this.missing === 0) this.onKnown(this);
  }
}
