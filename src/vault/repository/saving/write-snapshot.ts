import { userInfo } from 'node:os';
import { giveBackProgramPages } from '../../../base/program-pages.ts';
import type { Problem, SourceEntry } from '../../../source/index.ts';
import { halfReadOf } from '../../half-read.ts';
import { factsOf } from '../../restore-point-facts.ts';
import { vaultError } from '../../errors.ts';
import type { NewRestorePoint, RestorePoint, RestorePointOutcome, RestorePointWriter } from '../../vault.ts';
import { quoteName } from '../format/go-json.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot-file.ts';
import { fileKey } from '../layout.ts';
import { type LockOptions, lockRepository, removeLocks, type RepositoryLock } from '../lock/repository-lock.ts';
import { findLostPacks } from '../reading/lost-packs.ts';
import type { Repository } from '../repository.ts';
import { PreviousTree, type PreviousTreeOptions } from './previous-tree.ts';
import { type Saving, type SavingOptions, startSaving } from './saving.ts';
import { TreeSaver } from './tree-saver.ts';
import { findTree } from '../tree/find-tree.ts';
import { adoptOrphans } from './adopt-orphans.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import {
  type FoundSnapshot,
  holdfastFactsOf,
  holdfastField,
  restorePointOf,
  segmentsOf,
} from '../snapshot/snapshot-facts.ts';

export interface SnapshotRun {
  readonly repository: Repository;
  readonly point: NewRestorePoint;
  /** The vault's, as the configuration names it. */
  readonly vault: string;
  readonly saving: Omit<SavingOptions, 'signal' | 'mayWrite'>;
  /** The snapshot that tells what has not changed, by the beginning of its id; false: none does. The newest unless given. */
  readonly parent?: string | false | undefined;
  readonly ignored: PreviousTreeOptions['ignored'];
  readonly signal: AbortSignal;
}

type Fill = (writer: RestorePointWriter) => Promise<RestorePointOutcome>;

/** Where the entries' root is in the file system: that of a dump is "/". */
const rootOf = ({ source }: NewRestorePoint): Buffer => {
  const [only, ...others] = source.paths;
  if (source.root) return source.root.path;
  return Buffer.from(source.shape === 'tree' && only?.startsWith('/') && others.length === 0 ? only : '/');
};

const nameIn = (path: Buffer): Buffer | undefined =>
  path.length > 1 ? path.subarray(path.lastIndexOf(0x2f) + 1) : undefined;

/** The path of any name in a folder. */
const nameBelow = (folder: Buffer): Buffer =>
  Buffer.concat([folder, Buffer.from(folder.length > 1 ? '/name' : 'name')]);

/** The newest snapshot of the same source on the same host, or the one that is named: what it has need not be read again. */
async function findPrevious({ repository, point, parent, signal }: SnapshotRun): Promise<FoundSnapshot | undefined> {
  if (parent === false) return undefined;
  const paths = JSON.stringify(point.source.paths.toSorted());
  const all = await listSnapshots(repository, { signal, onUnreadable: () => {} });
  if (parent !== undefined) return findNamed(all, parent);
  return all.findLast(({ snapshot }) => {
    const name = holdfastFactsOf(snapshot)?.source.name ?? point.source.name;
    const sameSource = JSON.stringify(snapshot.paths.toSorted()) === paths && name === point.source.name;
    return sameSource && snapshot.hostname === point.host;
  });
}

function findNamed(all: readonly FoundSnapshot[], parent: string): FoundSnapshot {
  const [found, another] = parent === 'latest' ? all.slice(-1) : all.filter(({ id }) => id.startsWith(parent));
  if (found && !another) return found;
  throw vaultError(another ? 'ambiguous' : 'not-found', {
    message: another ? `"${parent}" is the beginning of several snapshots.` : `There is no snapshot "${parent}".`,
    hint: 'holdfast list shows the snapshots that are there.',
  });
}

/** Whether it was read as this process reads: by us, with attributes (else there is a note), and by the same user. */
function isWhole({ snapshot }: FoundSnapshot): boolean {
  const facts = holdfastFactsOf(snapshot);
  return facts !== undefined && !facts.details.notes?.length && (snapshot.uid ?? 0) === process.getuid?.();
}

async function previousTree(run: SnapshotRun, found: FoundSnapshot | undefined): Promise<PreviousTree | undefined> {
  const { repository, signal } = run;
  if (!found || run.point.source.shape === 'file') return undefined;
  const tree = await findTree(repository, found.snapshot.tree, segmentsOf(rootOf(run.point)), signal).catch(
    () => undefined,
  );
  if (tree === undefined) return undefined;
  const isHalfRead = halfReadOf(holdfastFactsOf(found.snapshot));
  return new PreviousTree(repository, { tree, isWhole: isWhole(found), isHalfRead, ignored: run.ignored, signal });
}

/**
 * Saves a source as a snapshot. The order makes it safe to die anywhere: packs, then the index of them, then the
 * snapshot; without a snapshot there is no restore point, and what was stored is found by the next run.
 */
export async function writeSnapshot(run: SnapshotRun, fill: Fill): Promise<RestorePoint> {
  const { repository } = run;
  run.signal.throwIfAborted();
  const lockLost = new AbortController();
  const signal = AbortSignal.any([run.signal, lockLost.signal]);
  const placed = Promise.withResolvers<undefined>();
  const lock = takeLock(run, { signal, onPlaced: () => placed.resolve(undefined) });
  lock.then(
    (held) => held.signal.addEventListener('abort', () => lockLost.abort(held.signal.reason), { once: true }),
    (refused: unknown) => lockLost.abort(refused),
  );
  const saving = startSaving(repository, { ...run.saving, signal, mayWrite: lock });
  try {
    // Most is read while the lock is placed; after that only what has changed in the index since then.
    const previous = findPrevious(run);
    const early = Promise.allSettled([repository.loadIndex(signal), previous]);
    let held: RepositoryLock | undefined;
    try {
      held = await Promise.race([placed.promise, lock]);
    } finally {
      await early;
    }
    await loadIndex(repository, held, signal);
    return await save({ ...run, signal }, { fill, saving, previous: await previous });
  } catch (error) {
    const cause = await lock.then(
      () => error,
      (refused: unknown) => refused,
    );
    await saving.abandon(cause);
    throw cause;
  } finally {
    await saving.close();
    await lock.then(
      (held) => held.release(),
      () => {},
    );
  }
}

/** While it settles, sources are read and packs are filled: they are seen when it stands. */
function takeLock(
  { repository, point: { host } }: SnapshotRun,
  options: Pick<LockOptions, 'signal' | 'onPlaced'>,
): Promise<RepositoryLock> {
  return lockRepository(repository, { ...options, exclusive: false, host, user: userInfo().username });
}

/**
 * Loads the index; when a writer has died here, with what it had stored and could not index any more. A lock that has yet to
 * settle found no dead writer's.
 */
async function loadIndex(repository: Repository, lock: RepositoryLock | undefined, signal: AbortSignal): Promise<void> {
  await repository.loadIndex(signal);
  if (!lock || lock.stale.length === 0) return;
  const { packs, bytes } = await adoptOrphans(repository, signal);
  if (packs > 0) repository.logger.info('Took over what a run that died had stored.', { packs, bytes });
  await removeLocks(repository, lock.stale, signal);
}

interface Save {
  readonly fill: Fill;
  readonly saving: Saving;
  readonly previous: FoundSnapshot | undefined;
}

async function save(run: SnapshotRun, { fill, saving, previous }: Save): Promise<RestorePoint> {
  const { repository, point, signal } = run;
  const root = rootOf(point);
  const isFile = point.source.shape === 'file';
  const writer = new TreeSaver({
    blobs: saving.blobs,
    // A single file comes without the folder that it is in.
    above: isFile ? bareFoldersAbove(nameBelow(root)) : (point.source.root?.above ?? bareFoldersAbove(root)),
    rootName: isFile ? undefined : nameIn(root),
    previous: await previousTree(run, previous),
    damagedTrees: repository.damagedTrees,
    signal,
  });
  giveBackProgramPages(); // all is loaded and started by now
  const [lost, { details, problems }] = await Promise.all([lostPacks(repository, signal), fill(writer)]);
  signal.throwIfAborted();
  const tree = await writer.finish();
  await saving.finish();
  const outcome = { details, problems: [...problems, ...lost, ...damagedFolders(writer)] };
  const snapshot = describe(run, { outcome, writer, saving, tree, root, previous });
  const id = await repository.saveFile('snapshots', encodeSnapshot(snapshot), signal);
  return restorePointOf({ id, snapshot }, run.vault, repository.config.version);
}

/** Nobody knows here which of the packs a snapshot needs that shares most with earlier ones: lost ones make it partial. */
async function lostPacks(repository: Repository, signal: AbortSignal): Promise<readonly Problem[]> {
  const lost = await findLostPacks(repository, signal);
  return lost
    ? [{ path: String(lost.context['key']), kind: 'not-stored', message: `${lost.message} ${lost.hint}` }]
    : [];
}

/** What is read back of a folder whose tree is damaged is nothing; and what the index names is not stored again. */
const damagedFolders = ({ damaged }: TreeSaver): Problem[] =>
  damaged.map(({ path, packId }) => ({
    path: quoteName(path),
    kind: 'not-stored',
    message:
      `The pack "${fileKey('data', packId)}" is damaged where it holds this folder, which is not stored again. ` +
      `Put it back from a copy, or run "holdfast repair packs ${packId}": the next run then stores what is missing.`,
  }));

interface Written extends Pick<Save, 'saving' | 'previous'> {
  readonly outcome: RestorePointOutcome;
  readonly writer: TreeSaver;
  readonly tree: string;
  readonly root: Buffer;
}

function describe(run: SnapshotRun, { outcome, writer, saving, tree, root, previous }: Written): Snapshot {
  const { repository, point } = run;
  const finishedAt = repository.clock.now();
  const { files, folders, sizeBytes } = writer;
  const { saved } = saving.blobs;
  const fileCount = files.new + files.changed + files.unmodified;
  const facts = factsOf(point, outcome, { files: fileCount, sizeBytes, finishedAt });
  return {
    timeNs: nsOf(point.startedAt),
    ...(previous && { parent: previous.id }),
    tree,
    paths: point.source.paths,
    hostname: point.host,
    username: userInfo().username,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    tags: point.tags,
    programVersion: 'holdfast',
    summary: {
      backupStartNs: nsOf(point.startedAt),
      backupEndNs: nsOf(finishedAt),
      filesNew: files.new,
      filesChanged: files.changed,
      filesUnmodified: files.unmodified,
      dirsNew: folders.new,
      dirsChanged: folders.changed,
      dirsUnmodified: folders.unmodified,
      dataBlobs: saved.dataBlobs,
      treeBlobs: saved.treeBlobs,
      dataAdded: saved.addedBytes,
      dataAddedPacked: saved.packedBytes,
      totalFilesProcessed: fileCount,
      totalBytesProcessed: sizeBytes,
    },
    unknown: [holdfastField(facts, root, saved.packedBytes)],
  };
}

const nsOf = (time: Date): bigint => BigInt(time.getTime()) * 1_000_000n;

/** For a source that tells nothing of the folders above it. */
function bareFoldersAbove(root: Buffer): readonly SourceEntry[] {
  const ends = Array.from(root.keys()).filter((at) => at > 0 && root[at] === 0x2f);
  return ends.map((end) => ({
    path: root.subarray(1, end),
    type: 'directory',
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
  }));
}
