import { lstatSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { parseTime } from '../base/clock.ts';
import type { Job, VaultUse } from '../config/index.ts';
import type { SourceSpec } from '../source/index.ts';
import {
  type ExcludeOptions,
  excludePatterns,
  type FilesFromOptions,
  markersOf,
  pathsFromFiles,
} from './arguments/backup-lists.ts';
import type { CliContext } from './context.ts';
import { cliError } from './errors.ts';
import { gitignorePattern } from './arguments/restic-patterns.ts';

/** What restic's `backup` takes beside paths. */
export interface RepositoryBackupOptions extends ExcludeOptions, FilesFromOptions {
  readonly name?: string;
  readonly oneFileSystem?: boolean;
  readonly tag?: readonly string[];
  readonly stdin?: boolean;
  readonly stdinFilename?: string;
  readonly host?: string;
  readonly time?: string;
  readonly parent?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly excludeLargerThan?: number;
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly withAtime?: boolean;
}

/** A job, and what the run is told beside it. */
export interface RepositoryJob {
  readonly job: Job;
  readonly host?: string;
  readonly time?: Date;
  /** Paths that were left out because they are not there. */
  readonly missing: readonly string[];
}

const staysInside = (path: string): boolean => !isAbsolute(path) && path !== '..' && !path.startsWith('../');

/**
 * Where the tree of the snapshot begins, and the paths in it. Paths that are given relative to the current folder, and
 * stay in it, are so in the snapshot, as restic has it; all others begin at "/".
 */
function treeOf(paths: readonly string[]): { readonly root: string; readonly only: readonly string[] } {
  const relative = paths.map((path) => normalize(path).replace(/\/$/, ''));
  if (relative.every(staysInside))
    return { root: process.cwd(), only: relative.map((path) => (path === '.' ? '' : path)) };
  return { root: '/', only: paths.map((path) => resolve(path).slice(1)) };
}

async function treeSource(
  paths: readonly string[],
  options: RepositoryBackupOptions,
  context: CliContext,
): Promise<SourceSpec> {
  const { root, only } = treeOf(paths);
  return {
    type: 'directory',
    path: root,
    name: basename(resolve(paths[0] ?? '')) || 'root',
    only: [...new Set(only)],
    exclude: (await excludePatterns(options, context)).map(gitignorePattern),
    ignoreFiles: [],
    markers: markersOf(options),
    oneFileSystem: options.oneFileSystem ?? false,
    maxFileBytes: options.excludeLargerThan,
    accessTimes: options.withAtime,
  };
}

function stdinSource({ stdinFilename = 'stdin' }: RepositoryBackupOptions): SourceSpec {
  const path = join('/', stdinFilename);
  const [fileName, folder] = [basename(path), dirname(path)];
  const place = { name: fileName, fileName, ...(folder !== '/' && { folder }) };
  return { type: 'command', command: ['cat'], ...place, input: 'inherit' };
}

/** "2024-02-29 13:45:00" of this machine's clock, or a time with a zone, or "now". Throws cli/usage. */
function parseBackupTime(text: string, { clock }: CliContext): Date {
  if (text === 'now') return clock.now();
  const time = parseTime(text.trim().replace(' ', 'T'));
  if (time) return time;
  throw cliError('usage', {
    message: `--time: "${text}" is no time`,
    hint: 'Write it as "2024-02-29 13:45:00", of this machine, or with a zone: 2024-02-29T13:45:00Z',
  });
}

/** The paths that are there, which must not be none. Throws cli/usage. */
function presentPaths(paths: readonly string[]): readonly string[] {
  const present = paths.filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  if (present.length > 0) return present;
  throw cliError('usage', {
    message: `nothing of what is to be backed up exists: ${paths.join(', ')}`,
    hint: 'Correct the paths, or mount what should be there',
  });
}

interface Words {
  readonly paths: readonly string[];
  readonly databases: readonly SourceSpec[];
}

/** What the words of the command line name: all paths one tree, as in restic, and each database a dump. */
async function sourcesOf(
  { paths, databases }: Words,
  options: RepositoryBackupOptions,
  context: CliContext,
): Promise<{ readonly sources: SourceSpec[]; readonly missing: readonly string[] }> {
  const all = [...paths, ...(await pathsFromFiles(options, context))];
  if (options.stdin === true) {
    if (all.length > 0) throw cliError('usage', { message: '--stdin and paths exclude each other' });
    return { sources: [stdinSource(options), ...databases], missing: [] };
  }
  if (all.length === 0 && databases.length === 0)
    throw cliError('usage', {
      message: 'there is nothing to back up',
      hint: 'Name paths, --files-from FILE, or --stdin; configured jobs are run without --repo',
    });
  if (all.length === 0) return { sources: [...databases], missing: [] };
  const present = presentPaths(all);
  const sources = [await treeSource(present, options, context), ...databases];
  return { sources, missing: all.filter((path) => !present.includes(path)) };
}

/** The job that `backup` into a repository runs. Throws cli/usage. */
export async function repositoryJob(
  words: Words,
  { options, repository }: { readonly options: RepositoryBackupOptions; readonly repository: VaultUse },
  context: CliContext,
): Promise<RepositoryJob> {
  const { sources, missing } = await sourcesOf(words, options, context);
  const parent = options.force === true ? false : options.parent;
  const { ignoreInode, ignoreCtime } = options;
  const spec = {
    ...repository.spec,
    ...(parent !== undefined && { parent }),
    ignoreInode,
    ignoreCtime,
  } as VaultUse['spec'];
  return {
    job: {
      name: options.name ?? sources[0]?.name ?? 'backup',
      sources,
      vaults: [{ ...repository, spec }],
      tags: (options.tag ?? []).flatMap((tag) => tag.split(',')).filter((tag) => tag !== ''),
      limits: context.limits,
      notify: [],
    },
    missing,
    ...(options.host !== undefined && { host: options.host }),
    ...(options.time !== undefined && { time: parseBackupTime(options.time, context) }),
  };
}
