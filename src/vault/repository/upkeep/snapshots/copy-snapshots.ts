import { GiB } from '../../../../base/bytes.ts';
import { vaultError } from '../../../errors.ts';
import { encodeSnapshot, type Snapshot } from '../../format/snapshot-file.ts';
import type { Repository } from '../../repository.ts';
import { listSnapshots } from '../../snapshot/list-snapshots.ts';
import type { FoundSnapshot } from '../../snapshot/snapshot-facts.ts';
import { BitSet } from '../bit-set.ts';
import { type FreshRepository, loadAnew } from '../../reading/load-anew.ts';
import { assertNoneLost } from '../../reading/lost-packs.ts';
import { type PackSelection, transferBlobs, type TransferOptions } from '../transfer-blobs.ts';
import { findUsedBlobs } from '../used-blobs.ts';
import { withLock } from '../../lock/with-lock.ts';

/** After so many bytes the snapshots that are whole by then are saved: whoever breaks off keeps them. */
const batchBytes = GiB;

export interface CopyOptions extends Pick<TransferOptions, 'packSizeBytes' | 'compressionLevel' | 'onBlobs'> {
  readonly signal: AbortSignal;
  /** True takes no lock in the repository that is read. */
  readonly lockless?: boolean;
  /** Told of each snapshot: the new one's id, or that of one which was copied before. */
  readonly onSnapshot?: (from: FoundSnapshot, toId: string, wasThere: boolean) => void;
}

export interface CopyReport {
  readonly copied: number;
  readonly skipped: number;
  /** What was not there yet, as the packs of the target hold it. */
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Copies snapshots into another repository, and of their blobs those that are not there; each is checked, and sealed with the other
 * key. A snapshot is saved when all that it needs is durable there; its `original` tells the next copy that it is there. Both
 * repositories may be used meanwhile. A common chunker polynomial makes blobs of other snapshots be found again.
 */
export async function copySnapshots(
  from: Repository,
  to: Repository,
  snapshots: readonly FoundSnapshot[],
  options: CopyOptions,
): Promise<CopyReport> {
  if (from.config.id === to.config.id) throw sameRepository(to.store.label);
  return withLock(from, { exclusive: false, lockless: options.lockless, signal: options.signal }, (readSignal) =>
    withLock(to, { exclusive: false, signal: readSignal }, (signal) =>
      copyAll(from, to, snapshots, { ...options, signal }),
    ),
  );
}

/** The repository that is copied into, of which all must be there that it says it has. */
async function loadTarget(to: Repository, signal: AbortSignal): Promise<Repository> {
  const { repository } = await loadAnew(to, { signal });
  await assertNoneLost(repository, signal);
  return repository;
}

async function copyAll(
  from: Repository,
  to: Repository,
  snapshots: readonly FoundSnapshot[],
  options: CopyOptions,
): Promise<CopyReport> {
  const { signal, onSnapshot } = options;
  const there = new Copies(await listSnapshots(to, { signal, onUnreadable: () => {} }));
  const source = await loadAnew(from, { signal });
  const target = await loadTarget(to, signal);
  const known = new BitSet(source.repository.index.blobCount);
  const report = { copied: 0, skipped: 0, blobs: 0, bytes: 0 };
  let batch: FoundSnapshot[] = [];
  let missing: number[] = [];
  let missingBytes = 0;
  const finish = async (): Promise<void> => {
    await transferBlobs(selectionsOf(source, missing), {
      ...options,
      compressionLevel: options.compressionLevel ?? 3,
      from: source.repository,
      to: target,
      onBlobs: (count, bytes) => {
        report.blobs += count;
        report.bytes += bytes;
        options.onBlobs?.(count, bytes);
      },
    });
    for (const found of batch) {
      const id = await saveCopy(target, found, signal);
      onSnapshot?.(found, id, false);
    }
    report.copied += batch.length;
    batch = [];
    missing = [];
    missingBytes = 0;
  };
  for (const found of snapshots) {
    const copy = there.of(found);
    if (copy) {
      report.skipped += 1;
      onSnapshot?.(found, copy.id, true);
      continue;
    }
    await findUsedBlobs(source.repository, [found.snapshot.tree], {
      signal,
      known,
      onBlob: (entry) => {
        const { type, id, length } = source.repository.index.blobOf(entry);
        if (target.index.has(type, id)) return;
        missing.push(entry);
        missingBytes += length;
      },
    });
    batch.push(found);
    if (missingBytes >= batchBytes) await finish();
  }
  if (batch.length > 0) await finish();
  return report;
}

/** Entries in the order of the packs, and as they lie there. */
function* selectionsOf(
  { repository: { index } }: FreshRepository,
  entries: readonly number[],
): Generator<PackSelection> {
  const ordered = Uint32Array.from(entries).sort();
  for (let at = 0; at < ordered.length;) {
    const pack = index.packOf(ordered[at] ?? 0);
    const { to } = index.entriesOf(pack);
    const begin = at;
    while (at < ordered.length && (ordered[at] ?? 0) < to) at += 1;
    yield { pack, entries: [...ordered.subarray(begin, at)] };
  }
}

/** The parent is a snapshot of the other repository: it means nothing here. */
async function saveCopy(target: Repository, { id, snapshot }: FoundSnapshot, signal: AbortSignal): Promise<string> {
  const { parent: _, ...rest } = snapshot;
  return target.saveFile('snapshots', encodeSnapshot({ ...rest, original: snapshot.original ?? id }), signal);
}

/** The snapshots of a repository, by what they may be copies of. */
class Copies {
  private readonly byOriginal = new Map<string, FoundSnapshot[]>();

  constructor(snapshots: readonly FoundSnapshot[]) {
    for (const found of snapshots)
      for (const id of [found.id, found.snapshot.original])
        if (id !== undefined) this.byOriginal.set(id, [...(this.byOriginal.get(id) ?? []), found]);
  }

  of({ id, snapshot }: FoundSnapshot): FoundSnapshot | undefined {
    return this.byOriginal
      .get(snapshot.original ?? id)
      ?.find((copy) => JSON.stringify(factsOf(copy.snapshot)) === JSON.stringify(factsOf(snapshot)));
  }
}

/** All that a copy has in common with what it was made from. */
const factsOf = (snapshot: Snapshot): unknown => [
  String(snapshot.timeNs),
  snapshot.tree,
  snapshot.hostname ?? '',
  snapshot.username ?? '',
  snapshot.uid ?? 0,
  snapshot.gid ?? 0,
  snapshot.paths.toSorted(),
  snapshot.excludes ?? [],
  (snapshot.tags ?? []).toSorted(),
];

const sameRepository = (label: string): Error =>
  vaultError('bad-options', {
    message: `Both are the same repository: ${label}.`,
    hint: 'Name another repository to copy to.',
  });
