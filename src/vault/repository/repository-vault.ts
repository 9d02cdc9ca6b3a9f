import { hostname, userInfo } from 'node:os';
import { MiB } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import type {
  NewRestorePoint,
  PiecedEntry,
  RestorePoint,
  RestorePointOutcome,
  RestorePointWriter,
  Vault,
  VaultPruneOptions,
  VerifyFinding,
  VerifyOptions,
} from '../vault.ts';
import type { VaultPruneReport } from '../prune-options.ts';
import type { ScryptParams } from './crypto/key-file.ts';
import { fileKey } from './layout.ts';
import { withLock } from './lock/with-lock.ts';
import { openOrCreateRepository, openRepository } from './open-repository.ts';
import type { Repository } from './repository.ts';
import { checkRepositorySpec, type RepositoryVaultSpec } from './repository-spec.ts';
import { listSnapshots, type ListSnapshotsOptions } from './snapshot/list-snapshots.ts';
import { restorePointOf } from './snapshot/snapshot-facts.ts';
import { readSnapshot } from './tree/read-snapshot.ts';

export interface RepositoryVaultOptions {
  readonly name: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a guess of the password of a new repository costs. Default: a third of a second. */
  readonly kdf?: ScryptParams;
  /** Where metadata is kept on this machine, so that it is fetched once; nowhere unless given. */
  readonly cacheDir?: string | undefined;
}

const levels = { auto: 3, max: 15, off: undefined } as const;

/**
 * Keeps restore points as snapshots of a repository of restic's format: encrypted, deduplicated, incremental for ever.
 * A command does one of what a repository can do: writing, reading, verifying, pruning are loaded when they are asked for.
 */
export class RepositoryVault implements Vault {
  readonly type = 'repository';
  readonly incremental = true;
  readonly name: string;
  readonly label: string;
  private readonly spec: RepositoryVaultSpec;
  private readonly options: RepositoryVaultOptions;
  private opened: Promise<Repository> | undefined;

  /** vault/bad-options when the spec can't be. The vault closes the store. */
  constructor(spec: RepositoryVaultSpec, options: RepositoryVaultOptions) {
    checkRepositorySpec(spec);
    this.spec = spec;
    this.options = options;
    this.name = options.name;
    this.label = options.store.label;
  }

  async write(
    point: NewRestorePoint,
    fill: (writer: RestorePointWriter) => Promise<RestorePointOutcome>,
    signal: AbortSignal,
  ): Promise<RestorePoint> {
    const { packSizeMiB = 16, compression = 'auto' } = this.spec;
    const { parent, ignoreInode = false, ignoreCtime = false } = this.spec;
    const ignored = { inode: ignoreInode, ctime: ignoreCtime };
    // What a backup needs is loaded and started while the key is derived from the password.
    const { ThreadPool } = await import('./threads/thread-pool.ts');
    const opening = this.open(signal, this.spec.create ?? true);
    const loading = import('./saving/write-snapshot.ts');
    const threads = new ThreadPool();
    try {
      const [repository, { writeSnapshot }] = await Promise.all([opening, loading]);
      const saving = { packSizeBytes: packSizeMiB * MiB, compressionLevel: levels[compression], threads };
      return await writeSnapshot({ repository, point, vault: this.name, saving, parent, ignored, signal }, fill);
    } finally {
      await threads.close();
    }
  }

  async list(options: ListSnapshotsOptions): Promise<RestorePoint[]> {
    const repository = await this.openExisting(options.signal);
    if (!repository) return [];
    const { version } = repository.config;
    return (await listSnapshots(repository, options)).map((found) => restorePointOf(found, this.name, version));
  }

  read(point: RestorePoint, signal: AbortSignal): AsyncGenerator<SourceEntry> {
    return readSnapshot(() => this.open(signal, false), point.id, {
      wholePaths: this.spec.wholePaths ?? false,
      signal,
    });
  }

  async *readPieces(point: RestorePoint, signal: AbortSignal): AsyncGenerator<PiecedEntry> {
    const { readSnapshotPieces } = await import('./tree/read-snapshot-pieces.ts');
    const { wholePaths = false } = this.spec;
    yield* readSnapshotPieces(await this.open(signal, false), point.id, { wholePaths, signal });
  }

  async verify(point: RestorePoint, options: VerifyOptions): Promise<VerifyFinding[]> {
    const { verifySnapshot } = await import('./check/verify-snapshot.ts');
    return verifySnapshot(await this.open(options.signal, false), point.id, options);
  }

  /** Removes the snapshots; what only they needed stays until a prune. */
  async forget(points: readonly RestorePoint[], signal: AbortSignal): Promise<void> {
    if (points.length === 0) return;
    const repository = await this.open(signal, false);
    await withLock(repository, { exclusive: true, signal }, async (locked) => {
      await repository.store.delete(
        points.map(({ id }) => fileKey('snapshots', id)),
        locked,
      );
    });
  }

  async prune({ forget = [], ...options }: VaultPruneOptions): Promise<VaultPruneReport> {
    const { packSizeMiB = 16 } = this.spec;
    const { signal } = options;
    const { prune } = await import('./upkeep/prune/prune.ts');
    return prune(await this.open(signal, false), {
      packSizeBytes: packSizeMiB * MiB,
      ...options,
      forget: forget.map(({ id }) => id),
    });
  }

  /** Removes what dead writers left half-written. Data that no snapshot needs is a prune's. */
  async sweep(olderThan: Date, signal: AbortSignal): Promise<number> {
    return this.options.store.sweep(olderThan, signal);
  }

  async close(): Promise<void> {
    await this.options.store.close();
  }

  /** The repository, opened once. A failure is not remembered: the password or the store may be mended meanwhile. */
  async open(signal: AbortSignal, create: boolean): Promise<Repository> {
    const { store, clock, logger, kdf, cacheDir } = this.options;
    const { password, keyHint } = this.spec;
    const common = { store, password, keyHint, clock, logger, signal, cacheDir };
    this.opened ??= create
      ? openOrCreateRepository({ ...common, host: hostname(), user: userInfo().username, ...(kdf && { kdf }) })
      : openRepository(common);
    try {
      return await this.opened;
    } catch (error) {
      this.opened = undefined;
      throw error;
    }
  }

  /** Undefined where there is none yet, and the first backup is to make it. */
  private async openExisting(signal: AbortSignal): Promise<Repository | undefined> {
    try {
      return await this.open(signal, false);
    } catch (error) {
      if ((this.spec.create ?? true) && hasCode(error, 'vault/no-repository')) return undefined;
      throw error;
    }
  }
}
