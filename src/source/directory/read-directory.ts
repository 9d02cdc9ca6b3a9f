import type { ReadOptions, SourceEntry, SourceReading } from '../source.ts';
import { findNativeFs, nativeFsRemedy } from './native-fs.ts';
import type { OwnerNames } from './owner-names.ts';
import { readOwnerNames } from './owner-names.ts';
import type { OpenedFile } from './read-large-file.ts';
import { openLargeFile } from './read-large-file.ts';
import type { FoundNode } from './read-node.ts';
import { reportFailure } from './read-node.ts';
import { toEntry } from './to-entry.ts';
import type { WalkOptions } from './walk-tree.ts';
import { walkTree } from './walk-tree.ts';

/** Finds the second and later names of one file. Holds one path for each file with names still to come. */
class HardLinks {
  private readonly known = new Map<string, { readonly path: Buffer; missing: bigint }>();

  /** The first path of the same file, if it was yielded before. */
  firstPath({ stats }: FoundNode): Buffer | undefined {
    if (stats.nlink < 2n || stats.isDirectory()) return undefined;
    const key = `${stats.dev}:${stats.ino}`;
    const first = this.known.get(key);
    if (!first) return undefined;
    first.missing -= 1n;
    if (first.missing === 0n) this.known.delete(key);
    return first.path;
  }

  remember({ path, stats }: FoundNode): void {
    if (stats.nlink < 2n || stats.isDirectory()) return;
    this.known.set(`${stats.dev}:${stats.ino}`, { path, missing: stats.nlink - 1n });
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

function largeEntry(entry: SourceEntry, file: OpenedFile): SourceEntry {
  return {
    ...entry,
    sizeBytes: Number(file.stats.size),
    ...(file.dataRuns && { dataRuns: file.dataRuns }),
    open: (signal) => file.content(signal),
  };
}

/** The entry of a node whose content is at hand, or that has none; undefined for a file that has to be opened. */
function entryAtHand(node: FoundNode, owners: OwnerNames, hardLinks: HardLinks): SourceEntry | undefined {
  const { content } = node;
  const isFile = node.stats.isFile();
  const hardLinkTo = hardLinks.firstPath(node);
  if (isFile && !hardLinkTo && !content && !node.unneeded) return undefined;
  if (!hardLinkTo) hardLinks.remember(node);
  const entry = toEntry(node, owners);
  if (!isFile) return hardLinkTo ? { ...entry, hardLinkTo } : entry;
  if (hardLinkTo || !content) {
    const sizeBytes = Number(node.stats.size);
    return hardLinkTo ? { ...entry, sizeBytes, hardLinkTo } : { ...entry, sizeBytes };
  }
  return { ...entry, sizeBytes: content.length, content, open: () => smallContent(content) };
}

async function* readEntries(
  walk: WalkOptions,
  rootNode: FoundNode,
  options: ReadOptions,
): AsyncGenerator<SourceEntry, void, undefined> {
  const owners = readOwnerNames();
  const hardLinks = new HardLinks();
  for await (const nodes of walkTree(walk, rootNode))
    for (const node of nodes) {
      const entry = entryAtHand(node, owners, hardLinks);
      if (entry) {
        yield entry;
        continue;
      }
      const file = openOrReport(node, options);
      if (!file) continue;
      try {
        const opened = { ...node, stats: file.stats };
        hardLinks.remember(opened);
        yield largeEntry(toEntry(opened, owners), file);
      } finally {
        await file.close();
      }
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
  return { entries: readEntries(walk, rootNode, options), details: () => ({ notes }) };
}
