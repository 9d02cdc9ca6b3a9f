import { hash } from 'node:crypto';
import type { TreeNode } from '../format/tree-node.ts';
import type { Repository } from '../repository.ts';
import type { FoundSnapshot } from '../snapshot/snapshot-facts.ts';
import { TreeReader } from '../tree/tree-reader.ts';
import { walkTree } from '../tree/walk-tree.ts';
import { BitSet } from './bit-set.ts';
import { type FreshRepository, loadAnew } from '../reading/load-anew.ts';
import { findUsedBlobs } from './used-blobs.ts';

/** What is counted: what a restore writes, files with different contents, blobs of each file, or what the packs hold. */
export type StatsMode = 'restore-size' | 'files-by-contents' | 'blobs-per-file' | 'raw-data';

/** As restic's stats tell it; what a mode does not count is 0. */
export interface RepositoryStats {
  readonly snapshots: number;
  readonly files: number;
  readonly blobs: number;
  readonly sizeBytes: number;
  /** Of raw data: what the blobs hold, and the part of it that is compressed, before and after. All with their seals. */
  readonly uncompressedBytes: number;
  readonly compressedBlobsBytes: number;
  readonly compressedBlobsPlainBytes: number;
}

type Counts = { -readonly [Field in keyof RepositoryStats]: RepositoryStats[Field] };

const sealBytes = 32;

/** Counts snapshots together. */
export async function repositoryStats(
  known: Repository,
  snapshots: readonly FoundSnapshot[],
  { mode, signal }: { readonly mode: StatsMode; readonly signal: AbortSignal },
): Promise<RepositoryStats> {
  const fresh = await loadAnew(known, { signal });
  const counts: Counts = {
    snapshots: snapshots.length,
    files: 0,
    blobs: 0,
    sizeBytes: 0,
    uncompressedBytes: 0,
    compressedBlobsBytes: 0,
    compressedBlobsPlainBytes: 0,
  };
  if (mode === 'raw-data') await countRawData(fresh, snapshots, { counts, signal });
  else {
    const contents = new ContentCounter(fresh, counts, mode === 'blobs-per-file');
    const trees = new TreeReader(fresh.repository, signal);
    for (const { snapshot } of snapshots) {
      const links = new Set<string>();
      for await (const { path, node } of walkTree(trees, snapshot.tree)) {
        signal.throwIfAborted();
        if (mode === 'restore-size') countRestored(node, links, counts);
        else contents.count(path, node);
      }
    }
  }
  return counts;
}

/** Every name counts as a file, directories too; the content of a file with several names once a snapshot. */
function countRestored(node: TreeNode, links: Set<string>, counts: Counts): void {
  counts.files += 1;
  const { links: names = 0, inode = 0n, deviceId = 0n, size = 0 } = node;
  if (names !== 1 && node.type !== 'dir' && inode !== 0n) {
    const file = `${deviceId} ${inode}`;
    if (links.has(file)) return;
    links.add(file);
  }
  counts.sizeBytes += size;
}

/** Counts contents that it has not seen; of all snapshots together. */
class ContentCounter {
  private readonly fresh: FreshRepository;
  private readonly counts: Counts;
  private readonly byBlobs: boolean;
  private readonly seen = new Set<string>();
  private readonly blobsOf = new Map<string, Set<string>>();

  constructor(fresh: FreshRepository, counts: Counts, byBlobs: boolean) {
    this.fresh = fresh;
    this.counts = counts;
    this.byBlobs = byBlobs;
  }

  count(path: Buffer, { content, size = 0 }: TreeNode): void {
    const ids = content ?? [];
    const name = hash('sha256', ids.join(''), 'base64');
    if (this.seen.has(name)) return;
    this.seen.add(name);
    if (this.byBlobs) this.countBlobs(path.toString('latin1'), ids);
    else {
      this.counts.sizeBytes += size;
      this.counts.files += 1;
    }
  }

  /** A file is what has a path; each of its blobs counts once. */
  private countBlobs(path: string, ids: readonly string[]): void {
    const { repository, plainSizes } = this.fresh;
    for (const id of ids) {
      let blobs = this.blobsOf.get(path);
      if (!blobs) {
        blobs = new Set();
        this.blobsOf.set(path, blobs);
        this.counts.files += 1;
      }
      if (blobs.has(id)) continue;
      blobs.add(id);
      this.counts.blobs += 1;
      this.counts.sizeBytes += plainSizes.of(repository.index.find('data', Buffer.from(id, 'hex')));
    }
  }
}

async function countRawData(
  { repository, plainSizes }: FreshRepository,
  snapshots: readonly FoundSnapshot[],
  { counts, signal }: { readonly counts: Counts; readonly signal: AbortSignal },
): Promise<void> {
  const { index } = repository;
  await findUsedBlobs(
    repository,
    snapshots.map(({ snapshot }) => snapshot.tree),
    {
      signal,
      known: new BitSet(index.blobCount),
      onBlob: (entry) => {
        const length = index.lengthOf(entry);
        const plainLength = plainSizes.of(entry) + sealBytes;
        counts.blobs += 1;
        counts.sizeBytes += length;
        counts.uncompressedBytes += plainLength;
        if (!index.isCompressed(entry)) return;
        counts.compressedBlobsBytes += length;
        counts.compressedBlobsPlainBytes += plainLength;
      },
    },
  );
}
