import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import { messageOf, systemCode } from '../../base/errors.ts';
import { sourceError } from '../errors.ts';
import type { ReadOptions, Source, SourceEstimate } from '../source.ts';
import { ChosenPaths } from './reading/chosen-paths.ts';
import type { FileStats } from './file-stats.ts';
import { foldersAbove } from './reading/folders-above.ts';
import type { Marker } from './reading/marker.ts';
import { noOwnerNames, type OwnerNames, readOwnerNames } from './owner-names.ts';
import { createPathFilter } from './reading/path-filter.ts';
import { parentPath } from './paths.ts';
import { placeOf } from './place.ts';
import { readDirectory } from './reading/read-directory.ts';
import type { FoundNode, NodeReading } from './reading/read-node.ts';
import { newNode, readFacts, readNames, statNode } from './reading/read-node.ts';
import type { WalkOptions } from './reading/walk-tree.ts';
import { walkTree } from './reading/walk-tree.ts';

/** What of a directory is backed up. Patterns are those of .gitignore, relative to `path`. */
export interface DirectorySourceSpec {
  readonly type: 'directory';
  /**
   * A directory, or a single file (anything else than a directory): then the tree is its parent directory with that
   * one name in it. A symlink here is followed, below it none is.
   */
  readonly path: string;
  /** Default: the path. */
  readonly name?: string | undefined;
  /** When given, only what matches is kept, with the directories that lead there. */
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** Names of files that exclude, by .gitignore's rules, what is in their directory. Default: .holdfastignore. */
  readonly ignoreFiles?: readonly string[] | undefined;
  /**
   * Paths relative to `path`, of which alone the tree consists, with the directories that lead there; it stands at "/"
   * then, symlinks among them are not followed, and `exclude` is matched against whole paths of the file system.
   */
  readonly only?: readonly string[] | undefined;
  /** A directory that holds such a file is kept with that file alone. */
  readonly markers?: readonly Marker[] | undefined;
  /** Leaves out what is mounted below `path`, but for the mount points themselves. */
  readonly oneFileSystem?: boolean | undefined;
  /** Files larger than so many bytes are left out. */
  readonly maxFileBytes?: number | undefined;
  /** Entries tell when they were last read. */
  readonly accessTimes?: boolean | undefined;
}

export interface DirectorySourceOptions extends Pick<WalkOptions, 'namesBeforeThread'> {
  readonly clock?: Clock;
}

interface Root {
  readonly location: Buffer;
  readonly onlyName?: Buffer;
}

function refused(path: string, error: unknown): Error {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return sourceError('not-found', {
      message: `There is no directory ${path}.`,
      hint: 'Correct the path, or mount what should be there.',
      context: { path },
      cause: error,
    });
  return sourceError('access-denied', {
    message: `The directory ${path} can't be read: ${messageOf(error)}.`,
    hint: 'Run as a user who may read it (root reads everything), or change its permissions.',
    context: { path },
    cause: error,
  });
}

function findRoot(path: string): Root {
  try {
    const real = realpathSync.native(Buffer.from(path), { encoding: 'buffer' }) as Buffer;
    if (lstatSync(real).isDirectory()) {
      readNames(real);
      return { location: real };
    }
    // The name stays the one that was asked for, even where it is a symlink to a file of another name.
    const given = Buffer.from(path);
    const parent = parentPath(given);
    const location = realpathSync.native(parent.length === 0 ? Buffer.from('/') : parent, { encoding: 'buffer' });
    return { location, onlyName: Buffer.from(basename(path)) };
  } catch (error) {
    throw refused(path, error);
  }
}

function readRoot(root: Root, path: string, { owners, report, accessTimes }: NodeReading): FoundNode {
  let failure: string | undefined;
  const note: ReadOptions['onProblem'] = (problem) => {
    failure ??= problem.message;
    report(problem);
  };
  const place = placeOf(root.location);
  const rootPath = Buffer.alloc(0);
  const stats = statNode(place, rootPath, note);
  const node = stats && newNode(place, { path: rootPath, stats }, { owners, report: note, accessTimes });
  const known = node && readFacts(node, { owners, report: root.onlyName ? () => {} : note });
  if (known && node.names && (failure === undefined || node.names.length > 0)) return node;
  throw refused(path, new Error(failure ?? 'it is no directory'));
}

function chosenIn({ onlyName }: Root, only: readonly string[] | undefined): ChosenPaths | undefined {
  if (only) return new ChosenPaths(only.map((path) => Buffer.from(path)));
  return onlyName && new ChosenPaths([onlyName]);
}

/** Bytes of a hard-linked file count once. */
async function measure(walk: WalkOptions, rootNode: FoundNode): Promise<SourceEstimate> {
  const linked = new Set<string>();
  let files = 0;
  let bytes = 0;
  const isSecondName = ({ deviceId, inode, links }: FileStats): boolean => {
    if (links < 2) return false;
    const key = `${deviceId}:${inode}`;
    const known = linked.has(key);
    linked.add(key);
    return known;
  };
  for await (const nodes of walkTree(walk, rootNode))
    for (const { stats } of nodes) {
      if (stats.type !== 'file') continue;
      files += 1;
      if (!isSecondName(stats)) bytes += stats.sizeBytes;
    }
  return { files, bytes };
}

/**
 * A directory as a source. Throws source/not-found, source/access-denied and source/bad-pattern before anything is
 * read. Items that vanish, change or can't be read are reported and the rest goes on; sockets are left out.
 */
export async function openDirectorySource(
  spec: DirectorySourceSpec,
  { clock = systemClock, namesBeforeThread }: DirectorySourceOptions = {},
): Promise<Source> {
  const path = resolve(spec.path);
  const root = findRoot(path);
  const filter = createPathFilter({ ...spec, base: spec.only ? root.location : undefined });
  const chosen = chosenIn(root, spec.only);
  const walkOptions = (signal: AbortSignal, report: ReadOptions['onProblem'], owners: OwnerNames): WalkOptions => ({
    root: root.location,
    chosen,
    markers: spec.markers,
    filter,
    ignoreFiles: spec.ignoreFiles ?? ['.holdfastignore'],
    oneFileSystem: spec.oneFileSystem ?? false,
    maxFileBytes: spec.maxFileBytes ?? Number.POSITIVE_INFINITY,
    namesBeforeThread,
    accessTimes: spec.accessTimes,
    owners,
    signal,
    clock,
    report,
  });
  return {
    type: 'directory',
    name: spec.name ?? (basename(path) || 'root'),
    shape: 'tree',
    paths: spec.only ? spec.only.map((one) => resolve(path, one)) : [path],
    get root() {
      if (spec.only) return { path: Buffer.from('/'), above: [] };
      const location = Buffer.from(root.onlyName ? dirname(path) : path);
      return { path: location, above: foldersAbove(location, spec.accessTimes) };
    },
    estimate: async (signal) => {
      const walk = walkOptions(signal, () => {}, noOwnerNames);
      return measure({ ...walk, measureOnly: true }, readRoot(root, path, walk));
    },
    read(options) {
      const walk = walkOptions(options.signal, options.onProblem, readOwnerNames());
      return readDirectory({ ...walk, needs: options.needs }, readRoot(root, path, walk), options);
    },
  };
}
