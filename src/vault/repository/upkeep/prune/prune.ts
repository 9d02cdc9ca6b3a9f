import type { PruneLimits, PruneProgress, PrunedAmount, VaultPruneReport } from '../../../prune-options.ts';
import type { Repository } from '../../repository.ts';
import type { BitSet } from '../bit-set.ts';
import { type BlobChoice, countPacks } from './count-packs.ts';
import type { FreshRepository } from '../../reading/load-anew.ts';
import { lookAhead, lookUnderLock, type UsedRepository } from './look-ahead.ts';
import { planPrune, type PrunePlan } from './prune-plan.ts';
import { deleteFiles, rewriteIndex } from '../rewrite-index.ts';
import { type PackSelection, startTransferThreads, transferBlobs, type TransferThreads } from '../transfer-blobs.ts';
import { withLock } from '../../lock/with-lock.ts';

const compressionLevel = 3;

export interface PruneOptions extends PruneLimits {
  /** Only says what would be done, and deletes no snapshot. */
  readonly dryRun?: boolean;
  /** True takes no lock in a dry run. */
  readonly lockless?: boolean;
  /** Snapshots that are deleted first, under the same lock; the first of them first. */
  readonly forget?: readonly string[];
  /** Called when these are gone for good. */
  readonly onForgotten?: () => void;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: PruneProgress) => void;
}

/**
 * Deletes what no snapshot needs, and repacks packs that are needed in part. Its order makes it safe to die anywhere:
 * new packs, their index, the index of what stays, then the old index files, then the old packs. Nothing at all is
 * deleted when a snapshot, a tree, a blob or a pack that is needed is missing or can't be read.
 */
export async function prune(known: Repository, options: PruneOptions): Promise<VaultPruneReport> {
  const { forget = [], onForgotten, onProgress, dryRun = false } = options;
  const locking = { exclusive: true, lockless: dryRun && options.lockless, signal: options.signal };
  const looking = {
    except: new Set(forget),
    onTree: (done: number): void => onProgress?.({ step: 'trees', done, total: 0 }),
  };
  const ahead = lookAhead(known, { ...looking, signal: options.signal });
  const threads = ahead.seen.then((seen) => startThreads(seen, options)).catch(() => undefined);
  try {
    return await withLock(known, locking, async (signal) => {
      if (forget.length > 0 && !dryRun) {
        await deleteFiles(known, 'snapshots', forget, signal);
        onForgotten?.();
      }
      const { fresh, used } = await lookUnderLock(known, ahead, { ...looking, signal });
      const choice = countPacks(fresh.repository, used);
      const plan = await planPrune(fresh, choice, { ...options, signal });
      const report = reportOf(fresh, choice, plan);
      if (!dryRun) await execute(fresh, { plan, choice, threads: await threads }, { ...options, signal });
      return report;
    });
  } finally {
    await ahead.end();
    await (await threads)?.pool.close();
  }
}

/** The options of what is written anew. */
const repackOptions = ({ repository }: FreshRepository, { packSizeBytes, repackUncompressed }: PruneOptions) => ({
  from: repository,
  to: repository,
  ...(packSizeBytes !== undefined && { packSizeBytes }),
  compressionLevel: repackUncompressed === true ? compressionLevel : undefined,
});

/** Threads start while the lock is still being taken, where it seems that anything will be written anew. */
async function startThreads(
  seen: UsedRepository | undefined,
  options: PruneOptions,
): Promise<TransferThreads | undefined> {
  if (!seen || options.dryRun) return undefined;
  const { fresh, used } = seen;
  const { repack } = await planPrune(fresh, countPacks(fresh.repository, used), options);
  return repack.length > 0 ? startTransferThreads(repackOptions(fresh, options)) : undefined;
}

interface Decision {
  readonly plan: PrunePlan;
  readonly choice: BlobChoice;
  readonly threads: TransferThreads | undefined;
}

async function execute(
  fresh: FreshRepository,
  { plan, choice, threads }: Decision,
  options: PruneOptions,
): Promise<void> {
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
      ...repackOptions(fresh, options),
      threads,
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

const sumOf = (packs: readonly number[], blobs: Uint32Array, bytes: Float64Array): PrunedAmount => ({
  blobs: packs.reduce((sum, pack) => sum + (blobs[pack] ?? 0), 0),
  bytes: packs.reduce((sum, pack) => sum + (bytes[pack] ?? 0), 0),
});

function reportOf({ repository }: FreshRepository, choice: BlobChoice, plan: PrunePlan): VaultPruneReport {
  const { index } = repository;
  const { counts, duplicates, duplicateBytes } = choice;
  const used: Mutable<PrunedAmount> = { blobs: 0, bytes: 0 };
  const total: Mutable<PrunedAmount> = { blobs: index.blobCount, bytes: 0 };
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
