import { quoteName } from '../../format/go-json.ts';
import { encodeNode, type TreeNode } from '../../format/tree-node.ts';
import type { Repository } from '../../repository.ts';
import { TreeReader } from '../../tree/tree-reader.ts';
import { BitSet } from '../bit-set.ts';
import { type FreshRepository, loadAnew } from '../../reading/load-anew.ts';

export interface DiffOptions {
  /** Also tells of what changed in nothing but its metadata. */
  readonly metadata: boolean;
  readonly signal: AbortSignal;
  readonly onChange: (change: SnapshotChange) => void;
}

export interface SnapshotChange {
  /** From "/" on; of a directory with a slash at its end. */
  readonly path: string;
  /** "+" added, "-" removed, "M" other content ("M?": and nothing else), "T" another type, "U" other metadata; T goes before others. */
  readonly modifier: string;
}

/** What there is on one side only. */
export interface DiffSide {
  files: number;
  dirs: number;
  others: number;
  dataBlobs: number;
  treeBlobs: number;
  /** Plain bytes of these blobs. */
  bytes: number;
}

export interface DiffReport {
  readonly changedFiles: number;
  readonly added: DiffSide;
  readonly removed: DiffSide;
}

const newSide = (): DiffSide => ({ files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 });

/** Compares two trees as restic's diff does: names in order, a directory before what is in it. */
export async function diffSnapshots(
  known: Repository,
  [before, after]: readonly [before: string, after: string],
  options: DiffOptions,
): Promise<DiffReport> {
  const fresh = await loadAnew(known, options);
  const comparison = new Comparison(fresh, options);
  await comparison.run(before, after);
  return comparison.report();
}

const slash = (node: TreeNode): string => (node.type === 'dir' ? '/' : '');

class Comparison {
  private readonly fresh: FreshRepository;
  private readonly options: DiffOptions;
  private readonly trees: TreeReader;
  private readonly blobsBefore: BitSet;
  private readonly blobsAfter: BitSet;
  private readonly blobsCommon: BitSet;
  private readonly added = newSide();
  private readonly removed = newSide();
  private changedFiles = 0;

  constructor(fresh: FreshRepository, options: DiffOptions) {
    const { repository } = fresh;
    this.fresh = fresh;
    this.options = options;
    this.trees = new TreeReader(repository, options.signal);
    this.blobsBefore = new BitSet(repository.index.blobCount);
    this.blobsAfter = new BitSet(repository.index.blobCount);
    this.blobsCommon = new BitSet(repository.index.blobCount);
  }

  async run(before: string, after: string): Promise<void> {
    this.addBlob(this.blobsBefore, 'tree', before);
    this.addBlob(this.blobsAfter, 'tree', after);
    await this.compareTrees(before, after, '/');
  }

  report(): DiffReport {
    this.countBlobs(this.blobsBefore, this.blobsAfter, this.removed);
    this.countBlobs(this.blobsAfter, this.blobsBefore, this.added);
    return { changedFiles: this.changedFiles, added: this.added, removed: this.removed };
  }

  private async compareTrees(before: string, after: string, prefix: string): Promise<void> {
    this.options.signal.throwIfAborted();
    const [left, right] = await Promise.all([this.trees.load(before), this.trees.load(after)]);
    let l = 0;
    let r = 0;
    while (l < left.length || r < right.length) {
      const a = left[l];
      const b = right[r];
      const order = a && b ? Buffer.compare(a.name, b.name) : a ? -1 : 1;
      if (order <= 0) l += 1;
      if (order >= 0) r += 1;
      if (a && order < 0) await this.onlyOn(a, prefix, { modifier: '-', side: this.removed, blobs: this.blobsBefore });
      else if (b && order > 0)
        await this.onlyOn(b, prefix, { modifier: '+', side: this.added, blobs: this.blobsAfter });
      else if (a && b) await this.both(a, b, prefix);
    }
  }

  private async both(a: TreeNode, b: TreeNode, prefix: string): Promise<void> {
    this.addBlobs(this.blobsBefore, a);
    this.addBlobs(this.blobsAfter, b);
    const path = `${prefix}${quoteName(b.name)}${slash(b)}`;
    const modifier = this.modifierOf(a, b);
    if (modifier !== '') this.options.onChange({ path, modifier });
    if (a.type !== 'dir' || b.type !== 'dir' || a.subtree === undefined || b.subtree === undefined) return;
    if (a.subtree === b.subtree) await this.collect(a.subtree);
    else await this.compareTrees(a.subtree, b.subtree, path);
  }

  private modifierOf(a: TreeNode, b: TreeNode): string {
    const type = a.type === b.type ? '' : 'T';
    const bothFiles = a.type === 'file' && b.type === 'file';
    const sameContent = a.content?.join() === b.content?.join();
    if (bothFiles && !sameContent) {
      this.changedFiles += 1;
      const bare = { content: null };
      return `${type}M${encodeNode({ ...a, ...bare }) === encodeNode({ ...b, ...bare }) ? '?' : ''}`;
    }
    return this.options.metadata && encodeNode(a) !== encodeNode(b) ? `${type}U` : type;
  }

  private async onlyOn(
    node: TreeNode,
    prefix: string,
    on: { readonly modifier: '+' | '-'; readonly side: DiffSide; readonly blobs: BitSet },
  ): Promise<void> {
    this.options.signal.throwIfAborted();
    const { modifier, side, blobs } = on;
    const path = `${prefix}${quoteName(node.name)}${slash(node)}`;
    this.options.onChange({ path, modifier });
    if (node.type === 'file') side.files += 1;
    else if (node.type === 'dir') side.dirs += 1;
    else side.others += 1;
    this.addBlobs(blobs, node);
    if (node.type !== 'dir' || node.subtree === undefined) return;
    for (const below of await this.trees.load(node.subtree)) await this.onlyOn(below, path, on);
  }

  /** What both sides have without a difference. */
  private async collect(tree: string): Promise<void> {
    this.options.signal.throwIfAborted();
    for (const node of await this.trees.load(tree)) {
      const isNew = this.addBlobs(this.blobsCommon, node);
      if (isNew && node.type === 'dir' && node.subtree !== undefined) await this.collect(node.subtree);
    }
  }

  /** Returns false when nothing of it is new. */
  private addBlobs(blobs: BitSet, { type, content, subtree }: TreeNode): boolean {
    if (type === 'dir' && subtree !== undefined) return this.addBlob(blobs, 'tree', subtree);
    if (type === 'file') for (const id of content ?? []) this.addBlob(blobs, 'data', id);
    return true;
  }

  private addBlob(blobs: BitSet, type: 'data' | 'tree', id: string): boolean {
    const entry = this.fresh.repository.index.find(type, Buffer.from(id, 'hex'));
    return entry >= 0 && blobs.add(entry);
  }

  /** Counts what is in `blobs` and neither in `others` nor common. */
  private countBlobs(blobs: BitSet, others: BitSet, side: DiffSide): void {
    const { repository, plainSizes } = this.fresh;
    for (let entry = 0; entry < repository.index.blobCount; entry += 1) {
      if (!blobs.has(entry) || others.has(entry) || this.blobsCommon.has(entry)) continue;
      if (repository.index.typeOf(entry) === 'data') side.dataBlobs += 1;
      else side.treeBlobs += 1;
      side.bytes += plainSizes.of(entry);
    }
  }
}
