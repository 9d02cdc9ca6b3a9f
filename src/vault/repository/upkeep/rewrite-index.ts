import { encodeIndex, decodeIndex, type IndexedPack } from '../format/index-file.ts';
import { fileKey } from '../layout.ts';
import type { Repository } from '../repository.ts';

/** An index file holds at most about so many blobs. */
const fullBlobs = 50_000;
/** One that holds fewer is joined with others. */
const fewBlobs = 10_000;
const deletedAtOnce = 500;

export interface RewriteIndexOptions {
  /** The index files that are replaced. All others stay. */
  readonly old: readonly string[];
  /** True for packs that stay. */
  readonly keeps: (packId: string) => boolean;
  /** What to add beside what the old files have; durable. */
  readonly added?: AsyncIterable<IndexedPack> | Iterable<IndexedPack>;
  /** Old files that can't be read are given up: else they are an error. */
  readonly passUnreadable?: boolean;
  /** Writes even those anew of which nothing changes. */
  readonly all?: boolean;
  readonly signal: AbortSignal;
}

/** Collects packs and writes an index file whenever there are enough. */
class IndexFiles {
  private readonly repository: Repository;
  private readonly signal: AbortSignal;
  private packs: IndexedPack[] = [];
  private blobs = 0;

  constructor(repository: Repository, signal: AbortSignal) {
    this.repository = repository;
    this.signal = signal;
  }

  async add(pack: IndexedPack): Promise<void> {
    this.packs.push(pack);
    this.blobs += pack.blobs.length;
    if (this.blobs >= fullBlobs) await this.flush();
  }

  async flush(): Promise<void> {
    const packs = this.packs;
    this.packs = [];
    this.blobs = 0;
    if (packs.length > 0) await this.repository.saveFile('index', encodeIndex({ packs }), this.signal);
  }
}

/**
 * Replaces index files by such that name only the packs that stay, each once. The new ones are durable before the first
 * old one is deleted: whatever ends it, each pack that stays is in an index. Returns how many files were deleted.
 */
export async function rewriteIndex(repository: Repository, options: RewriteIndexOptions): Promise<number> {
  const { old, keeps, added = [], passUnreadable = false, all = false, signal } = options;
  const files = new IndexFiles(repository, signal);
  const named = new Set<string>();
  const replaced: string[] = [];
  for (const id of old) {
    signal.throwIfAborted();
    let packs: readonly IndexedPack[] = [];
    try {
      packs = decodeIndex(await repository.loadFile('index', id, signal)).packs;
    } catch (error) {
      signal.throwIfAborted();
      if (!passUnreadable) throw error;
    }
    const left = packs.filter((pack) => keeps(pack.id) && !named.has(pack.id));
    for (const pack of left) named.add(pack.id);
    const blobs = left.reduce((sum, pack) => sum + pack.blobs.length, 0);
    if (!all && left.length === packs.length && blobs >= fewBlobs) continue;
    replaced.push(id);
    for (const pack of left) await files.add(pack);
  }
  for await (const pack of added) if (!named.has(pack.id)) await files.add(pack);
  await files.flush();
  await deleteFiles(repository, 'index', replaced, signal);
  return replaced.length;
}

/** Deletes files, some hundred at once. A file that is gone is no error. vault/lock-lost. */
export async function deleteFiles(
  repository: Repository,
  kind: 'index' | 'data' | 'snapshots',
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < ids.length; at += deletedAtOnce) {
    signal.throwIfAborted();
    await repository.assertLocksHeld();
    await repository.store.delete(
      ids.slice(at, at + deletedAtOnce).map((id) => fileKey(kind, id)),
      signal,
    );
  }
}
