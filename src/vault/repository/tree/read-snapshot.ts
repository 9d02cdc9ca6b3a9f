import { type Soon, whenThere } from '../../../base/concurrency.ts';
import { hasCode } from '../../../base/errors.ts';
import type { SourceEntry } from '../../../source/index.ts';
import { vaultError } from '../../errors.ts';
import { entryOfNode } from '../format/node-entry.ts';
import { decodeSnapshot } from '../format/snapshot-file.ts';
import type { TreeNode } from '../format/tree-node.ts';
import { ContentReader, type OfferedContent } from '../reading/content-reader.ts';
import type { Repository } from '../repository.ts';
import { type FoundSnapshot, holdfastFactsOf, rootSegments } from '../snapshot/snapshot-facts.ts';
import { DataRuns } from './data-runs.ts';
import { EntryQueue, type EntrySupply, type SnapshotEntry } from './entry-queue.ts';
import { HardLinks } from './hard-links.ts';
import { TreeReader } from './tree-reader.ts';
import { TreeWalk, type WalkedNode } from './walk-tree.ts';

export interface ReadSnapshotOptions {
  /** Entries come with their paths below "/", instead of below the root of what was backed up. */
  readonly wholePaths: boolean;
  readonly signal: AbortSignal;
}

/** Where the entries of a restore point begin. */
interface Root {
  readonly tree: string;
  /** Undefined for the uppermost folder, which has no node. */
  readonly node: TreeNode | undefined;
}

const bareRoot: SourceEntry = { path: Buffer.alloc(0), type: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };

/** The folder that `segments` lead to; of a path that leads to no folder (restic backs up single files) the last one. */
async function findRoot(trees: TreeReader, tree: string, segments: readonly Buffer[]): Promise<Root> {
  let root: Root = { tree, node: undefined };
  for (const segment of segments) {
    const node = (await trees.load(root.tree)).find(({ name }) => name.equals(segment));
    if (node?.type !== 'dir' || node.subtree === undefined) break;
    root = { tree: node.subtree, node };
  }
  return root;
}

/** The entries of a snapshot, one after the other: without a root where it holds one file only. */
export class SnapshotEntries implements EntrySupply {
  private readonly repository: Repository;
  private readonly links = new HardLinks();
  private readonly runs: DataRuns;
  private begun: TreeWalk | undefined;
  private readonly begin: () => Promise<SnapshotEntry | undefined>;

  constructor(repository: Repository, found: FoundSnapshot, { wholePaths, signal }: ReadSnapshotOptions) {
    this.repository = repository;
    this.runs = new DataRuns(repository, signal);
    this.begin = async () => {
      const trees = new TreeReader(repository, signal);
      const { tree, node } = await findRoot(trees, found.snapshot.tree, wholePaths ? [] : rootSegments(found));
      this.begun = await TreeWalk.begin(trees, tree);
      if (holdfastFactsOf(found.snapshot)?.source.shape === 'file') return this.next();
      return { entry: (node && entryOfNode(node, Buffer.alloc(0))) ?? bareRoot };
    };
  }

  next(): Soon<SnapshotEntry | undefined> {
    if (!this.begun) return this.begin();
    for (;;) {
      const walked = this.begun.next();
      if (walked instanceof Promise) return walked.then((node) => node && (this.entryOf(node) ?? this.next()));
      if (!walked) return undefined;
      const entry = this.entryOf(walked);
      if (entry) return entry;
    }
  }

  /** Undefined for what can't be restored. */
  private entryOf({ path, node }: WalkedNode): Soon<SnapshotEntry> | undefined {
    const entry = entryOfNode(node, path);
    if (!entry) {
      this.repository.logger.warn(`Passed over a ${node.type}: it can not be restored.`, { path: path.toString() });
      return undefined;
    }
    const hardLinkTo = this.links.firstOf(path, node);
    if (hardLinkTo) return { entry: { ...entry, hardLinkTo } };
    if (entry.type !== 'file') return { entry };
    const content = { path, ids: node.content ?? [], sizeBytes: node.size ?? 0 };
    return whenThere(this.runs.of(content), (dataRuns) => ({
      entry: dataRuns ? { ...entry, dataRuns } : entry,
      content,
    }));
  }
}

/** A file's entry with its content. A copy of it by its own properties is without what is there already, and asks for nothing. */
class FileEntry {
  readonly open: (signal: AbortSignal) => AsyncGenerator<Uint8Array>;
  readonly #ready: () => Uint8Array | undefined;

  constructor(entry: SourceEntry, { open, ready }: OfferedContent) {
    Object.assign(this, entry);
    this.open = open;
    this.#ready = ready;
  }

  get content(): Uint8Array | undefined {
    return this.#ready();
  }
}

const withContent = (entry: SourceEntry, content: OfferedContent): SourceEntry =>
  new FileEntry(entry, content) as unknown as SourceEntry;

/** The snapshot of a given id. vault/not-found, vault/corrupt. */
export async function loadSnapshot(repository: Repository, id: string, signal: AbortSignal): Promise<FoundSnapshot> {
  try {
    return { id, snapshot: decodeSnapshot(await repository.loadFile('snapshots', id, signal)) };
  } catch (error) {
    if (!hasCode(error, 'vault/missing-object')) throw error;
    throw vaultError('not-found', {
      message: `The snapshot ${id.slice(0, 8)} is not in ${repository.store.label}.`,
      hint: 'It was removed meanwhile, or its id is wrong: list the restore points.',
      context: { id },
      cause: error,
    });
  }
}

/**
 * The entries of a snapshot as Vault.read promises them. Contents are read when they are opened, and then ahead of who
 * reads; each blob is checked before its bytes are given. A failure of a content ends the iteration, too.
 */
export async function* readSnapshot(
  open: () => Promise<Repository>,
  snapshotId: string,
  options: ReadSnapshotOptions,
): AsyncGenerator<SourceEntry> {
  const { signal } = options;
  const repository = await open();
  const found = await loadSnapshot(repository, snapshotId, signal);
  await repository.loadIndex(signal);
  const contents = new ContentReader(repository, { signal, onWantsMore: () => void queue.pump() });
  const queue = new EntryQueue(new SnapshotEntries(repository, found, options), contents);
  try {
    for (let next = await queue.next(); next; next = queue.take() ?? (await queue.next())) {
      signal.throwIfAborted();
      yield next.content ? withContent(next.entry, contents.offer()) : next.entry;
      contents.leave();
    }
  } finally {
    await contents.close();
  }
}
