import type { FileInPlace, ReadOptions, SourceEntry, SourceReading } from '../../source.ts';
import type { FileStats } from '../file-stats.ts';
import { findNativeFs, nativeFsRemedy } from '../native-fs.ts';
import type { OpenedFile } from './read-large-file.ts';
import { locationOf, placeOf } from '../place.ts';
import { openLargeFile } from './read-large-file.ts';
import type { FoundNode } from './read-node.ts';
import { findAgain, reportFailure, takeStats } from './read-node.ts';
import type { WalkOptions } from './walk-tree.ts';
import { walkTree } from './walk-tree.ts';

const keyOf = ({ deviceId, inode }: FileStats): string => `${deviceId}:${inode}`;

/** Finds the second and later names of one file. Holds one path for each file with names still to come. */
class HardLinks {
  private readonly known = new Map<string, { readonly path: Buffer; missing: number }>();

  /** The first path of the same file, if it was yielded before. */
  firstPath({ stats }: FoundNode): Buffer | undefined {
    if (stats.links < 2 || stats.type === 'directory') return undefined;
    const key = keyOf(stats);
    const first = this.known.get(key);
    if (!first) return undefined;
    first.missing -= 1;
    if (first.missing === 0) this.known.delete(key);
    return first.path;
  }

  remember({ path, stats }: FoundNode): void {
    if (stats.links < 2 || stats.type === 'directory') return;
    this.known.set(keyOf(stats), { path, missing: stats.links - 1 });
  }
}

/** One chunk, or none. Not a generator: there is one of these for each small file. */
function smallContent(content: Buffer): AsyncIterable<Uint8Array> {
  let given = content.length === 0;
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (given) return { done: true, value: undefined };
    given = true;
    return { done: false, value: content };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

function openOrReport(node: FoundNode, { onProblem }: ReadOptions): OpenedFile | undefined {
  try {
    return openLargeFile(node, onProblem);
  } catch (error) {
    reportFailure(onProblem, node.path, error);
    return undefined;
  }
}

/** Fills in what the open file says, and how it is read. */
function addFile(node: FoundNode, file: OpenedFile, { owners }: WalkOptions): void {
  takeStats(node, file.stats, owners);
  if (file.dataRuns) node.entry.dataRuns = file.dataRuns;
  node.entry.open = (signal) => file.content(signal);
}

/** Fills in what makes the entry of a node whole, where that is at hand; false for a file that has to be opened. */
function completeAtHand(node: FoundNode, hardLinks: HardLinks): boolean {
  const { content, entry } = node;
  const hardLinkTo = hardLinks.firstPath(node);
  if (hardLinkTo) {
    entry.hardLinkTo = hardLinkTo;
    return true;
  }
  if (entry.type === 'file' && !content && node.need === 'content') return false;
  hardLinks.remember(node);
  if (content) {
    entry.sizeBytes = content.length;
    entry.content = content;
    entry.open = () => smallContent(content);
  }
  return true;
}

/** What readers in place have in common. */
interface Reading {
  readonly walk: WalkOptions;
  readonly options: ReadOptions;
}

/** A node that is read where it is, by somebody else. It holds little of the node: thousands may wait to be read. */
class NodeInPlace implements FileInPlace {
  readonly location: Buffer;
  readonly inode: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  private readonly path: Buffer;
  private readonly reading: Reading;

  constructor(node: FoundNode, reading: Reading) {
    const { inode, sizeBytes, mtimeNs, ctimeNs } = node.stats;
    this.location = locationOf(node);
    this.inode = inode;
    this.sizeBytes = sizeBytes;
    this.mtimeNs = mtimeNs;
    this.ctimeNs = ctimeNs;
    this.path = node.path;
    this.reading = reading;
  }

  async again(use: (entry: SourceEntry) => Promise<void>): Promise<void> {
    const { walk, options } = this.reading;
    const found = findAgain({ ...placeOf(this.location), path: this.path }, walk);
    if (!found) return;
    if (completeAtHand(found, new HardLinks())) return use(found.entry);
    const file = openOrReport(found, options);
    if (!file) return;
    try {
      addFile(found, file, walk);
      await use(found.entry);
    } finally {
      await file.close();
    }
  }
}

type Step = IteratorResult<SourceEntry, undefined>;

const end: Step = { done: true, value: undefined };

/** The entries of a walk. Not a generator: what is at hand then costs one promise. */
class EntryReader implements AsyncIterableIterator<SourceEntry, undefined> {
  private readonly walk: AsyncGenerator<readonly FoundNode[], void, undefined>;
  private readonly reading: Reading;
  private readonly hardLinks = new HardLinks();
  private nodes: readonly FoundNode[] = [];
  private taken = 0;
  /** That of the entry that was taken last. */
  private file: OpenedFile | undefined;

  constructor(walkOptions: WalkOptions, rootNode: FoundNode, options: ReadOptions) {
    this.walk = walkTree(walkOptions, rootNode);
    this.reading = { walk: walkOptions, options };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    const node = this.nodes[this.taken];
    if (this.file || !node || !completeAtHand(node, this.hardLinks)) return this.advance();
    this.taken += 1;
    return Promise.resolve(this.give(node));
  }

  async return(): Promise<Step> {
    await this.closeFile();
    await this.walk.return();
    return end;
  }

  private async advance(): Promise<Step> {
    await this.closeFile();
    for (;;) {
      const node = this.nodes[this.taken];
      if (!node) {
        const step = await this.walk.next();
        if (step.done === true) return end;
        this.nodes = step.value;
        this.taken = 0;
        continue;
      }
      this.taken += 1;
      if (completeAtHand(node, this.hardLinks) || this.openFile(node)) return this.give(node);
    }
  }

  private give(node: FoundNode): Step {
    const { entry } = node;
    if (node.need === 'in-place') entry.inPlace = new NodeInPlace(node, this.reading);
    return { done: false, value: entry };
  }

  private openFile(node: FoundNode): boolean {
    this.file = openOrReport(node, this.reading.options);
    if (!this.file) return false;
    addFile(node, this.file, this.reading.walk);
    this.hardLinks.remember(node);
    return true;
  }

  private async closeFile(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.close();
  }
}

/** Begins a reading of the tree whose root has been found to be readable. */
export function readDirectory(walk: WalkOptions, rootNode: FoundNode, options: ReadOptions): SourceReading {
  const notes: string[] = [];
  if (!findNativeFs()) {
    const note =
      'Extended attributes (ACLs and capabilities among them) and the holes of sparse files were not recorded';
    options.logger.warn(`${note}: ${nativeFsRemedy}.`);
    notes.push(`${note}.`);
  }
  return { entries: new EntryReader(walk, rootNode, options), details: () => ({ notes }) };
}
