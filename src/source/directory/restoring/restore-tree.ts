import { execFile } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Soon } from '../../../base/concurrency.ts';
import { messageOf, systemCode } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { sourceError } from '../../errors.ts';
import type { SourceEntry } from '../../source.ts';
import { MetadataWriter } from './apply-metadata.ts';
import { ownStagingPrefix, removeDeadStaging, type StagingNames } from './dead-staging.ts';
import type { Overwrite } from './merge-staging.ts';
import { carryOut, planMerge } from './merge-staging.ts';
import { pathBelow } from '../paths.ts';
import { removeTree } from './remove-tree.ts';
import type { ReportRestoreProblem } from './restore-problem.ts';
import { assertSafePath, modeOfUnknown, StagedTree } from './staged-tree.ts';
import { targetError } from './target-errors.ts';

export interface RestoreTreeOptions {
  readonly signal: AbortSignal;
  /**
   * never (the default): fails with source/target-exists when anything would be replaced; directories that exist keep
   * their metadata. always: replaces files. if-changed: replaces those that differ in type, size or time.
   */
  readonly overwrite?: Overwrite;
  /** True for the paths to restore; the directories that lead there are made as needed. Default: all. */
  readonly select?: (entry: SourceEntry) => boolean;
  /** Told of what could not be put back although the restore goes on. */
  readonly onProblem: ReportRestoreProblem;
  /** Called after each entry with what is written so far. */
  readonly onProgress?: (done: RestoreProgress) => void;
  readonly logger: Logger;
  /** Counts, writes nothing and reads no content. */
  readonly dryRun?: boolean;
}

export interface RestoreProgress {
  readonly entries: number;
  readonly files: number;
  readonly bytes: number;
}

export interface RestoreTreeResult extends RestoreProgress {
  /** Files that were there with the same size and time, and were left alone (if-changed). */
  readonly unchanged: number;
  /** Entries that belong to the user who restored them, as only root may give files away. */
  readonly ownersNotRestored: number;
}

const entriesPerTurn = 64;

/** Where to write first. `target` does not exist yet when `isNew`. */
interface Place {
  readonly target: string;
  readonly staging: Buffer;
  readonly isNew: boolean;
  /** True for a target that exists and holds nothing: it takes the root's metadata as a new one does. */
  readonly isEmpty: boolean;
}

function existingDirectory(target: string): string | undefined {
  try {
    if (statSync(target).isDirectory()) return realpathSync(target);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return isThere(target) ? refuseNoDirectory(target) : undefined;
  }
  return refuseNoDirectory(target);
}

/** True even for a symlink to nowhere. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function refuseNoDirectory(target: string): never {
  throw sourceError('target-exists', {
    message: `The target ${target} exists and is no directory.`,
    hint: 'Choose another target.',
    context: { target },
  });
}

/** The staging directory stands in the target, or beside what is to become it: renames stay on one file system. */
function stagingNames(given: string, existing: string | undefined): StagingNames {
  if (existing !== undefined) return { directory: existing, prefix: '.holdfast-restore-' };
  let ancestor = dirname(given);
  while (!isThere(ancestor)) ancestor = dirname(ancestor);
  const besideTarget = ancestor === dirname(given);
  return { directory: ancestor, prefix: besideTarget ? `${basename(given)}.holdfast-restore-` : '.holdfast-restore-' };
}

/** Clears away what killed restores left there, and makes a new staging directory. */
async function makePlace(given: string, logger: Logger): Promise<Place> {
  const existing = existingDirectory(given);
  const names = stagingNames(given, existing);
  await removeDeadStaging(names, logger);
  const isEmpty = existing === undefined || readdirSync(existing).length === 0;
  const staging = Buffer.from(mkdtempSync(join(names.directory, ownStagingPrefix(names.prefix))));
  return { target: existing ?? given, staging, isNew: existing === undefined, isEmpty };
}

/**
 * Has everything on the file system of `directory` written to the disk.
 * One call for all: an fsync for each of many files takes minutes.
 */
async function syncFileSystem(directory: Buffer): Promise<void> {
  try {
    await promisify(execFile)('sync', ['-f', directory.toString()]);
  } catch (error) {
    throw sourceError('restore-failed', {
      message: `What was restored could not be written to the disk: ${messageOf(error)}.`,
      hint: 'The program "sync" (coreutils) must be there, and the disk healthy; see the kernel log.',
      cause: error,
    });
  }
}

/** Takes all entries and hands the selected ones to `write`, which returns the bytes it wrote. */
async function takeEntries(
  entries: AsyncIterable<SourceEntry>,
  { signal, select, onProgress }: RestoreTreeOptions,
  write: (entry: SourceEntry) => Soon<number>,
): Promise<RestoreProgress> {
  let done: RestoreProgress = { entries: 0, files: 0, bytes: 0 };
  for await (const entry of entries) {
    signal.throwIfAborted();
    if (select && !select(entry)) continue;
    const written = write(entry);
    const bytes = done.bytes + (typeof written === 'number' ? written : await written);
    done = { entries: done.entries + 1, files: done.files + (entry.type === 'file' ? 1 : 0), bytes };
    onProgress?.(done);
    if (done.entries % entriesPerTurn === 0) await nextTurn();
  }
  signal.throwIfAborted();
  return done;
}

/** The staged tree becomes the target by one rename. */
async function becomeTarget({ target, staging }: Place, tree: StagedTree): Promise<void> {
  tree.finishDirectories([]);
  chmodSync(staging, modeOfUnknown);
  tree.applyDirectory(Buffer.alloc(0), staging);
  await syncFileSystem(staging);
  const firstMade = mkdirSync(dirname(target), { recursive: true });
  renameSync(staging, target);
  syncNames(dirname(target), firstMade === undefined ? dirname(target) : dirname(firstMade));
}

/** Makes durable what names the directories from `deepest` up to `highest` hold: all below them is on the disk. */
function syncNames(deepest: string, highest: string): void {
  for (let at = deepest; ; at = dirname(at)) {
    const fd = openSync(at, 'r');
    try {
      fsyncSync(fd);
    } catch (error) {
      // Some network file systems can't sync a directory; they write its names through.
      if (!['EINVAL', 'ENOTSUP'].includes(systemCode(error) ?? '')) throw error;
    } finally {
      closeSync(fd);
    }
    if (at === highest || at === dirname(at)) return;
  }
}

/** The staged tree is moved into the target, piece by piece where a directory exists on both sides. */
async function mergeIntoTarget(
  { target, staging, isEmpty }: Place,
  tree: StagedTree,
  overwrite: Overwrite,
): Promise<number> {
  const final = Buffer.from(target);
  const plan = planMerge(staging, final, overwrite);
  tree.finishDirectories(plan.merged);
  await syncFileSystem(staging);
  carryOut(plan, staging, final);
  await removeTree(staging);
  const merged = overwrite === 'never' ? plan.merged.filter((path) => path.length === 0 && isEmpty) : plan.merged;
  for (const path of [...merged].reverse()) tree.applyDirectory(path, pathBelow(final, path));
  await syncFileSystem(final);
  return plan.unchanged.length;
}

async function dryRun(entries: AsyncIterable<SourceEntry>, options: RestoreTreeOptions): Promise<RestoreTreeResult> {
  const done = await takeEntries(entries, options, ({ path, type, sizeBytes, hardLinkTo }) => {
    assertSafePath(path);
    return type === 'file' && !hardLinkTo ? (sizeBytes ?? 0) : 0;
  });
  return { ...done, unchanged: 0, ownersNotRestored: 0 };
}

/**
 * Writes a tree of entries into `targetDir`. All of it is first written to a hidden staging directory on the same file
 * system; only when `entries` has ended without throwing do files get their final names, by renames. A failure or an
 * abort before that leaves the target as it was; a killed process leaves the staging directory
 * (".holdfast-restore-…"), which the next restore to the same target removes, and no half-written file under a final name. Returns when all is on the disk.
 *
 * No symlink is followed, in the target or among the entries. What can't be put back (owners without root, attributes
 * that the file system refuses) is told to `onProblem`. Throws source/target-exists, source/target-not-writable,
 * source/target-full, source/unsafe-path, source/restore-failed, what `entries` throws, and the signal's reason.
 */
export async function restoreTree(
  entries: AsyncIterable<SourceEntry>,
  targetDir: string,
  options: RestoreTreeOptions,
): Promise<RestoreTreeResult> {
  const { signal, overwrite = 'never', onProblem } = options;
  if (options.dryRun) return dryRun(entries, options);
  const given = resolve(targetDir);
  let place: Place | undefined;
  let tree: StagedTree | undefined;
  try {
    signal.throwIfAborted();
    place = await makePlace(given, options.logger);
    const metadata = new MetadataWriter(onProblem, place.staging);
    const staged = new StagedTree(place.staging, metadata, onProblem);
    tree = staged;
    const done = await takeEntries(entries, options, (entry) => staged.add(entry, signal));
    await staged.flush();
    let unchanged = 0;
    if (place.isNew) await becomeTarget(place, staged);
    else unchanged = await mergeIntoTarget(place, staged, overwrite);
    return { ...done, unchanged, ...metadata.finish() };
  } catch (error) {
    const failure = targetError(given, error, signal);
    await tree?.close(); // it must not write any more into what is removed
    if (place) await removeStaging(place.staging, options.logger);
    throw failure;
  } finally {
    await tree?.close();
  }
}

/** A failure to tidy up must not hide what went wrong before it. */
async function removeStaging(staging: Buffer, logger: Logger): Promise<void> {
  try {
    await removeTree(staging);
  } catch (error) {
    logger.warn(`The unfinished restore in ${staging.toString()} could not be removed: ${messageOf(error)}.`);
  }
}
