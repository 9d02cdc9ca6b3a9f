/**
 * A directory whose nodes become known one by one, in any order: a file's when its blobs have their names, a
 * directory's when all in it is known. Then its tree can be made.
 */
export class Folder {
  /** Relative to the source's root; undefined above it. */
  readonly path: Buffer | undefined;
  private readonly nodes: string[] = [];
  private missing = 1;
  private readonly onKnown: (nodes: readonly string[]) => void;

  /** `onKnown` is told the nodes, as JSON, in the order of the slots, once `close` was called and none is missing. */
  constructor(path: Buffer | undefined, onKnown: (nodes: readonly string[]) => void) {
    this.path = path;
    this.onKnown = onKnown;
  }

  /** A place for the next name. Must be filled later. */
  slot(): number {
    this.missing += 1;
    return this.nodes.push('') - 1;
  }

  fill(slot: number, node: string): void {
    this.nodes[slot] = node;
    this.close();
  }

  add(node: string): void {
    this.nodes.push(node);
  }

  /** No name will follow. */
  close(): void {
    this.missing -= 1;
    if (this.missing === 0) this.onKnown(this.nodes);
  }
}
