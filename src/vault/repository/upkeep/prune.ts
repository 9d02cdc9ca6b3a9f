import { mapOrdered } from '../../../base/concurrency.ts';
import { vaultError } from '../../errors.ts';
import { decodeSnapshot } from '../format/snapshot-file.ts';
import type { Repository } from '../repository.ts';
import type { BitSet } from './bit-set.ts';
import { type BlobChoice, countPacks } from './count-packs.ts';
import { type FreshRepository, loadAnew } from './load-anew.ts';
import { planPrune, type PrunePlan, type PrunePlanOptions } from './prune-plan.ts';
import { deleteFiles, rewriteIndex } from './rewrite-index.ts';
import { type PackSelection, transferBlobs } from './transfer-blobs.ts';
import { findUsedBlobs } from './used-blobs.ts';
import { withLock } from '../lock/with-lock.ts';

/** How many snapshots are read at once. */
const readAtOnce = 8;
const compressionLevel = 3;

export interface PruneProgress {
  readonly step: 'trees' | 'repack' | 'index' | 'delete';
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
}

export interface PruneOptions extends PrunePlanOptions {
  /** Only says what would be done. */
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** How many there are, and the bytes that they take in packs, without headers. */
export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

/** What a prune found and did; in a dry run, what it would do. In restic's terms. */
export interface PruneReport {
  readonly used: Amount;
  /** Further copies of what is used. */
  readonly duplicate: Amount;
  readonly unused: Amount;
  /** In packs that were written anew, and what of it was left out. */
  readonly repack: Amount;
  readonly repackRemove: Amount;
  /** In packs of which nothing was used. */
  readonly remove: Amount;
  /** What the repository has afterwards, and what of it is unused. */
  readonly remaining: Amount;
  readonly remainingUnusedBytes: number;
  /** Packs that no index named: they are deleted. */
  readonly unreferencedBytes: number;
  /** Bytes of all packs that go, less those that come. */
  readonly freedBytes: number;
  readonly packs: {
    readonly used: number;
    readonly partlyUsed: number;
    readonly unused: number;
    readonly unreferenced: number;
    readonly keep: number;
    readonly repack: number;
    readonly remove: number;
  };
}

/**
 * Deletes what no snapshot needs, and repacks packs that are needed in part. Its order makes it safe to die anywhere:
 * new packs, their index, the index of what stays, then the old index files, then the old packs. Nothing at all is
 * deleted when a snapshot, a tree, a blob or a pack that is needed is missing or can't be read.
 */
export async function prune(known: Repository, options: PruneOptions): Promise<PruneReport> {
  return withLock(known, { exclusive: true, signal: options.signal }, async (signal) => {
    const { onProgress } = options;
    const trees = await treesOfSnapshots(known, signal);
    const fresh = await loadAnew(known, { signal });
    const used = await findUsedBlobs(fresh.repository, trees, {
      signal,
      onTree: (done) => onProgress?.({ step: 'trees', done, total: 0 }),
    });
    const choice = countPacks(fresh.repository, used);
    const plan = await planPrune(fresh, choice, { ...options, signal });
    const report = reportOf(fresh, choice, plan);
    if (options.dryRun !== true) await execute(fresh, { plan, choice, used }, { ...options, signal });
    return report;
  });
}

/** The uppermost trees of all snapshots. One that can't be read is an error: what it needs is not known. */
async function treesOfSnapshots(repository: Repository, signal: AbortSignal): Promise<Set<string>> {
  const trees = new Set<string>();
  const read = async ({ id }: { readonly id: string }): Promise<string> => {
    try {
      return decodeSnapshot(await repository.loadFile('snapshots', id, signal)).tree;
    } catch (error) {
      signal.throwIfAborted();
      throw vaultError('bad-manifest', {
        message: `The snapshot ${id.slice(0, 8)} can not be read, so it is not known what it needs. Nothing was deleted.`,
        hint: `Put it back from a copy, or forget it: holdfast forget ${id.slice(0, 8)}.`,
        context: { id },
        cause: error,
      });
    }
  };
  for await (const tree of mapOrdered(repository.list('snapshots', signal), readAtOnce, read)) trees.add(tree);
  return trees;
}

interface Decision {
  readonly plan: PrunePlan;
  readonly choice: BlobChoice;
  readonly used: BitSet;
}

async function execute(fresh: FreshRepository, { plan, choice }: Decision, options: PruneOptions): Promise<void> {
  const { repository, indexFiles } = fresh;
  const { signal, onProgress } = options;
  const { index, config } = repository;
  await deleteFiles(repository, 'data', plan.orphans, signal);
  const gone = [...plan.remove, ...plan.repack];
  const ids = gone.map((pack) => index.packId(pack));
  const doomed = new Set([...ids, ...plan.forget.map((pack) => index.packId(pack))]);
  if (plan.repack.length > 0) {
    let done = 0;
    const total = plan.repack.reduce((sum, pack) => sum + (choice.counts.usedBlobs[pack] ?? 0), 0);
    await transferBlobs(selectionsOf(repository, plan.repack, choice.wanted), {
      from: repository,
      to: repository,
      ...(options.packSizeBytes !== undefined && { packSizeBytes: options.packSizeBytes }),
      compressionLevel: options.repackUncompressed === true ? compressionLevel : undefined,
      recompress: config.version > 1,
      signal,
      onBlobs: (count) => onProgress?.({ step: 'repack', done: (done += count), total }),
    });
  }
  if (doomed.size === 0 && indexFiles.length < 2) return;
  onProgress?.({ step: 'index', done: 0, total: indexFiles.length });
  await rewriteIndex(repository, { old: indexFiles, keeps: (pack) => !doomed.has(pack), signal });
  onProgress?.({ step: 'delete', done: 0, total: ids.length });
  await deleteFiles(repository, 'data', ids, signal);
}

/** What is wanted of packs: entries of each, in the order of the packs. */
function* selectionsOf({ index }: Repository, packs: readonly number[], wanted: BitSet): Generator<PackSelection> {
  for (const pack of packs) {
    const { from, to } = index.entriesOf(pack);
    const entries: number[] = [];
    for (let entry = from; entry < to; entry += 1) if (wanted.has(entry)) entries.push(entry);
    yield { pack, entries };
  }
}

const sumOf = (packs: readonly number[], blobs: Uint32Array, bytes: Float64Array): Amount => ({
  blobs: packs.reduce((sum, pack) => sum + (blobs[pack] ?? 0), 0),
  bytes: packs.reduce((sum, pack) => sum + (bytes[pack] ?? 0), 0),
});

function reportOf({ repository }: FreshRepository, choice: BlobChoice, plan: PrunePlan): PruneReport {
  const { index } = repository;
  const { counts, duplicates, duplicateBytes } = choice;
  const used: Mutable<Amount> = { blobs: 0, bytes: 0 };
  const total: Mutable<Amount> = { blobs: index.blobCount, bytes: 0 };
  for (let entry = 0; entry < index.blobCount; entry += 1) {
    const length = index.lengthOf(entry);
    total.bytes += length;
    if (!choice.wanted.has(entry)) continue;
    used.blobs += 1;
    used.bytes += length;
  }
  const remove = sumOf([...plan.remove, ...plan.forget], counts.unusedBlobs, counts.unusedBytes);
  const repackRemove = sumOf(plan.repack, counts.unusedBlobs, counts.unusedBytes);
  const repackUsed = sumOf(plan.repack, counts.usedBlobs, counts.usedBytes);
  const removed = { blobs: remove.blobs + repackRemove.blobs, bytes: remove.bytes + repackRemove.bytes };
  const unused = {
    blobs: total.blobs - used.blobs - duplicates,
    bytes: total.bytes - used.bytes - duplicateBytes,
  };
  return {
    used,
    duplicate: { blobs: duplicates, bytes: duplicateBytes },
    unused,
    repack: { blobs: repackUsed.blobs + repackRemove.blobs, bytes: repackUsed.bytes + repackRemove.bytes },
    repackRemove,
    remove,
    remaining: { blobs: total.blobs - removed.blobs, bytes: total.bytes - removed.bytes },
    remainingUnusedBytes: total.bytes - used.bytes - removed.bytes,
    unreferencedBytes: plan.orphanBytes,
    freedBytes: removed.bytes + plan.orphanBytes,
    packs: {
      used: plan.usedPacks,
      partlyUsed: plan.partlyUsedPacks,
      unused: plan.unusedPacks,
      unreferenced: plan.orphans.length,
      keep: plan.keep,
      repack: plan.repack.length,
      remove: plan.remove.length,
    },
  };
}

type Mutable<Type> = { -readonly [Field in keyof Type]: Type[Field] };
