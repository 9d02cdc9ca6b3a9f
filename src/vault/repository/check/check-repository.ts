import { hostname } from 'node:os';
import { fileKey } from '../layout.ts';
import { listLocks } from '../lock/repository-lock.ts';
import type { Repository } from '../repository.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import type { VerifyFinding } from '../../vault.ts';
import { checkPacks } from './check-packs.ts';
import { TreeChecker } from './check-trees.ts';
import { Findings } from './findings.ts';
import { checkOpening, loadIndexes } from './load-indexes.ts';
import { lookUndisturbed } from './look-undisturbed.ts';
import { choosePacks, type PackSubset } from './pack-subset.ts';
import { readPacks } from './read-packs.ts';

export interface CheckProgress {
  readonly step: 'indexes' | 'packs' | 'trees' | 'data';
  /** Of the step: snapshots whose trees were checked, or packs that were read. */
  readonly done: number;
  readonly total: number;
  /** Of packs that were read. */
  readonly bytes: number;
}

export interface CheckOptions {
  /** Also reads every pack, or some of them, and checks every byte. */
  readonly readData: boolean | { readonly subset: PackSubset };
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: CheckProgress) => void;
}

export interface CheckReport {
  /** What is wrong; nothing when the repository is sound. */
  readonly findings: readonly VerifyFinding[];
  /** What is no damage, but wants to be known. */
  readonly hints: readonly string[];
  readonly indexFiles: number;
  readonly packs: number;
  readonly blobs: number;
  readonly snapshots: number;
  readonly trees: number;
  /** How many packs were read, and their bytes. */
  readonly packsRead: number;
  readonly bytesRead: number;
}

/** Key files and locks must be what they claim to be. */
async function checkSmallFiles(repository: Repository, findings: Findings, signal: AbortSignal): Promise<void> {
  const keys = await Array.fromAsync(repository.list('keys', signal), ({ id }) => id);
  await checkOpening(repository, keys, { findings, signal });
  const { unreadable } = await listLocks(repository, hostname(), { signal });
  for (const lock of unreadable)
    findings.add({
      code: 'vault/corrupt',
      message: `The lock "${fileKey('locks', lock)}" can not be read. Remove it with "holdfast unlock --remove-all" when no program is at work.`,
    });
}

/** Checks a repository as a whole, as `restic check` does. Only failures of the store are thrown. */
export async function checkRepository(known: Repository, options: CheckOptions): Promise<CheckReport> {
  return lookUndisturbed(known, {
    look: () => checkOnce(known, options),
    findingsOf: ({ findings }) => findings,
    signal: options.signal,
  });
}

async function checkOnce(known: Repository, options: CheckOptions): Promise<CheckReport> {
  const { readData, signal, onProgress } = options;
  const findings = new Findings();
  // Before the index: what a backup adds meanwhile is then in it.
  const snapshots = await listSnapshots(known, {
    signal,
    onUnreadable: (_, error) => findings.tell(error, signal),
  });
  onProgress?.({ step: 'indexes', done: 0, total: 1, bytes: 0 });
  await checkSmallFiles(known, findings, signal);
  const index = await loadIndexes(known, findings, signal);
  const { repository } = index;
  onProgress?.({ step: 'packs', done: 0, total: index.packs.size, bytes: 0 });
  const { present, orphans } = await checkPacks(index, findings, { signal });
  const trees = new TreeChecker(repository, findings, signal);
  for (const [done, { id, snapshot }] of snapshots.entries()) {
    onProgress?.({ step: 'trees', done, total: snapshots.length, bytes: 0 });
    await trees.check(snapshot.tree, { signal, owner: `the snapshot ${id.slice(0, 8)}` });
  }
  const chosen = readData === false ? [] : readData === true ? present : choosePacks(present, readData.subset);
  let packsRead = 0;
  let bytesRead = 0;
  const onPack = (sizeBytes: number): void => {
    packsRead += 1;
    bytesRead += sizeBytes;
    onProgress?.({ step: 'data', done: packsRead, total: chosen.length, bytes: bytesRead });
  };
  if (chosen.length > 0) await readPacks(repository, chosen, { findings, signal, onPack });
  return {
    findings: findings.all(),
    hints: orphans.length > 0 ? [orphanHint(orphans)] : [],
    indexFiles: index.indexFiles,
    packs: index.packs.size,
    blobs: repository.index.blobCount,
    snapshots: snapshots.length,
    trees: trees.count,
    packsRead,
    bytesRead,
  };
}

const namesTold = 3;

const orphanHint = (orphans: readonly string[]): string => {
  const names = orphans.slice(0, namesTold).map((id) => `"${fileKey('data', id)}"`);
  const more = orphans.length > namesTold ? ', …' : '';
  return (
    `${orphans.length} packs are in no index: ${names.join(', ')}${more}. They are what an interrupted run left behind, and "holdfast prune" ` +
    `removes them; if an index was lost, "holdfast repair index" takes them in again.`
  );
};
