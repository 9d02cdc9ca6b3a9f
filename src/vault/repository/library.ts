/**
 * The repository by itself, for programs that want no command line: the package's entry `holdfast/repository`
 * (docs/library.md). `openBackups` is enough for most; the functions below it take a `Repository` and do one thing each.
 */
import { hostname } from 'node:os';
import { systemClock } from '../../base/clock.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import {
  openSources,
  type Problem,
  type RestoreProblem,
  restoreTree,
  type RestoreTreeResult,
  type SourceEntry,
  type SourceSpec,
} from '../../source/index.ts';
import { openStore, type StoreSpec } from '../../store/index.ts';
import { findRestorePoint } from '../find-restore-point.ts';
import type { RestorePoint } from '../vault.ts';
import { RepositoryVault } from './repository-vault.ts';
import type { Repository } from './repository.ts';
import type { RepositoryVaultSpec } from './repository-spec.ts';

export { HoldfastError } from '../../base/errors.ts';
export { checkRepository, type CheckOptions, type CheckReport } from './check/check-repository.ts';
export { parsePackSubset, type PackSubset } from './check/pack-subset.ts';
export { unlockRepository, listLocks, type FoundLock, type LockOwner } from './lock/repository-lock.ts';
export {
  createRepository,
  type CreateRepositoryOptions,
  openRepository,
  type OpenRepositoryOptions,
} from './open-repository.ts';
export type { ListedFile, Repository } from './repository.ts';
export { loadStored } from './reading/load-stored.ts';
export { copySnapshots, type CopyReport } from './upkeep/snapshots/copy-snapshots.ts';
export { diffSnapshots, type DiffReport, type SnapshotChange } from './upkeep/snapshots/diff-snapshots.ts';
export {
  findIdsInSnapshots,
  findInSnapshots,
  type FoundBlob,
  type FoundNode,
} from './upkeep/snapshots/find-in-snapshots.ts';
export { repairSnapshots, type SnapshotsRepair } from './upkeep/repair/repair-snapshots.ts';
export {
  addKey,
  changePassword,
  listKeys,
  masterKeyOf,
  removeKey,
  type RepositoryKey,
} from './upkeep/repository-keys.ts';
export { repositoryStats, type RepositoryStats, type StatsMode } from './upkeep/repository-stats.ts';
export { rewriteSnapshots } from './upkeep/snapshots/rewrite-snapshots.ts';
export { type TagChange, tagSnapshots } from './upkeep/snapshots/tag-snapshots.ts';
export type { PruneLimits, VaultPruneReport as PruneReport } from '../prune-options.ts';
export { prune, type PruneOptions } from './upkeep/prune/prune.ts';
export { type IndexRepair, repairIndex, type RepairIndexOptions } from './upkeep/repair/repair-index.ts';
export { recoverTrees, type Recovery } from './upkeep/repair/recover-trees.ts';
export { type PacksRepair, repairPacks, type RepairPacksOptions } from './upkeep/repair/repair-packs.ts';
export { listSnapshots } from './snapshot/list-snapshots.ts';
export { type FoundSnapshot, restorePointOf } from './snapshot/snapshot-facts.ts';
export type { RestorePoint, Problem, RestoreProblem, RestoreTreeResult, SourceEntry, SourceSpec, StoreSpec };

export interface OpenBackupsOptions extends Omit<RepositoryVaultSpec, 'type'> {
  /** { type: 'local', path } or { type: 's3', bucket, … }. */
  readonly store: StoreSpec;
  /** Where metadata of a repository that is not on this machine is kept; nowhere unless given. */
  readonly cacheDir?: string;
  /** Ends whatever is under way. */
  readonly signal?: AbortSignal;
  /** Silent unless given. */
  readonly logger?: Logger;
}

export interface BackupOptions {
  /** What is read: a directory unless it is a source of another type. */
  readonly source: string | SourceSpec;
  readonly tags?: readonly string[];
  /** This machine's name unless given. */
  readonly host?: string;
  /** Told of each item that could not be read as it was. */
  readonly onProblem?: (problem: Problem) => void;
}

export interface RestoreOptions {
  readonly overwrite?: 'never' | 'if-changed' | 'always';
  readonly onProblem?: (problem: RestoreProblem) => void;
}

/** A repository with backups in it. */
export interface Backups {
  /** Saves a source as a snapshot. Throws a HoldfastError when no snapshot came of it. */
  backup(options: BackupOptions): Promise<RestorePoint>;
  /** All snapshots, oldest first. */
  list(): Promise<RestorePoint[]>;
  /** The snapshot whose id begins so, or the "latest". Throws vault/not-found or vault/ambiguous. */
  find(id: string): Promise<RestorePoint>;
  /** What is in a snapshot, in order; it has been checked as a whole when the iteration has ended. */
  entries(point: RestorePoint): AsyncIterable<SourceEntry>;
  /** Puts a snapshot back into a directory: nothing appears there before all of it has been read and checked. */
  restore(point: RestorePoint, targetDir: string, options?: RestoreOptions): Promise<RestoreTreeResult>;
  /** Removes snapshots. Data that only they needed stays until it is pruned. */
  forget(points: readonly RestorePoint[]): Promise<void>;
  /** The repository itself, for the functions that take one. */
  repository(): Promise<Repository>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

async function save(vault: RepositoryVault, options: BackupOptions & Surroundings): Promise<RestorePoint> {
  const { source: given, tags = [], host = hostname(), onProblem, signal, logger } = options;
  const spec: SourceSpec = typeof given === 'string' ? { type: 'directory', path: given } : given;
  const clock = systemClock;
  const [source] = await openSources(spec, { signal, logger, clock });
  if (!source) throw new TypeError('the source is empty');
  const { type, name, shape, paths, root } = source;
  const startedAt = clock.now();
  const what = { type, name, shape, paths, ...(root && { root }) };
  const runId = startedAt.getTime().toString(16).padStart(32, '0');
  return vault.write(
    { job: 'library', runId, startedAt, source: what, host, tags },
    async (writer) => {
      const problems: Problem[] = [];
      const note = (problem: Problem): void => {
        problems.push(problem);
        onProblem?.(problem);
      };
      const { needs } = writer;
      const reading = source.read({ signal, logger, onProblem: note, ...(needs && { needs }) });
      for await (const entry of reading.entries) await writer.add(entry);
      return { details: reading.details(), problems };
    },
    signal,
  );
}

interface Surroundings {
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Opens a repository of restic's format, or makes it where the store holds nothing yet (unless `create` is false).
 * The repository itself is looked at when it is first used: vault/no-repository, vault/wrong-key.
 */
export async function openBackups(options: OpenBackupsOptions): Promise<Backups> {
  const { store: storeSpec, cacheDir, signal = never, logger = silentLogger, ...spec } = options;
  const surroundings = { signal, logger };
  const store = await openStore(storeSpec, { clock: systemClock, logger });
  const opening = { name: store.label, store, clock: systemClock, logger, cacheDir };
  const vault = new RepositoryVault({ type: 'repository', ...spec }, opening);
  return {
    backup: (backup) => save(vault, { ...backup, ...surroundings }),
    list: () => vault.list({ signal }),
    find: async (id) => findRestorePoint(await vault.list({ signal }), id),
    entries: (point) => vault.read(point, signal),
    restore: (point, targetDir, { overwrite = 'never', onProblem = () => {} } = {}) =>
      restoreTree(vault.read(point, signal), targetDir, {
        ...surroundings,
        overwrite,
        dryRun: false,
        onProblem,
        onProgress: () => {},
      }),
    forget: (points) => vault.forget(points, signal),
    repository: () => vault.open(signal, spec.create ?? true),
    close: () => vault.close(),
  };
}
