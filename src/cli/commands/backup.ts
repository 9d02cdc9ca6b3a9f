import { basename, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { selectJobs, type Job, type Overrides, type VaultUse } from '../../config/index.ts';
import { failuresOf, runJob, type JobResult, type RunJobOptions } from '../../jobs/index.ts';
import { prepareToRead, type SourceSpec } from '../../source/index.ts';
import { excludePatterns, markersOf } from '../arguments/backup-lists.ts';
import { backupReporter, type VaultFlags } from '../views/backup-report.ts';
import { chosenRepository, passwordFlags } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus, exitStatusOf, exitStatusOfFailures } from '../exit-status.ts';
import { defaultConfigFile, findConfiguration } from '../vaults/open-vaults.ts';
import { parseSize } from '../arguments/parse-size.ts';
import { listenerOf, repeat } from '../repeat.ts';
import { type RepositoryBackupOptions, repositoryJob } from '../repository-job.ts';
import { visible } from '../views/table.ts';
import { addWriteOptions, collect, readingFlags, vaultAt, type VaultOptions } from '../arguments/vault-options.ts';

export interface BackupOptions extends VaultOptions, RepositoryBackupOptions {
  readonly to?: readonly string[];
  readonly job?: readonly string[];
  readonly include?: readonly string[];
  readonly databases?: readonly string[];
  readonly format?: 'plain' | 'custom';
  /** Said before or behind the command's name, as of every command. */
  readonly limitUpload?: string;
  readonly compression?: string;
  readonly interval?: string;
  readonly once?: boolean;
  readonly bucket?: string;
  readonly prefix?: string;
  readonly dirs?: string;
  readonly archive?: boolean;
  readonly incremental?: boolean;
}

const isDatabase = (argument: string): boolean => /^postgres(ql)?:\/\//.test(argument);

const databaseSpec = (url: string, { databases, format }: BackupOptions): SourceSpec => ({
  type: 'postgres',
  url,
  ...(databases ? { databases } : {}),
  ...(format ? { format } : {}),
});

/** The source that one argument names: a database by its URL, anything else a directory or a file. */
async function sourceSpecOf(argument: string, options: BackupOptions, context: CliContext): Promise<SourceSpec> {
  if (isDatabase(argument)) return databaseSpec(argument, options);
  const exclude = await excludePatterns(options, context);
  const markers = markersOf(options);
  return {
    type: 'directory',
    path: resolve(argument),
    ...(options.include ? { include: options.include } : {}),
    ...(exclude.length > 0 && { exclude }),
    ...(options.oneFileSystem ? { oneFileSystem: true } : {}),
    maxFileBytes: options.excludeLargerThan,
    ...(markers.length > 0 && { markers }),
  };
}

function defaultJobName(path: string): string {
  const name = URL.canParse(path) ? new URL(path).pathname.slice(1) || 'postgres' : basename(resolve(path));
  return name || 'root';
}

const excluding = [
  ...(['exclude', 'iexclude', 'excludeFile', 'iexcludeFile', 'excludeCaches', 'excludeIfPresent'] as const),
  'excludeLargerThan',
] as const;
const naming = ['filesFrom', 'filesFromVerbatim', 'filesFromRaw', 'stdin', 'stdinFilename'] as const;
const ofSnapshots = ['host', 'time', 'parent', 'force', 'ignoreInode', 'ignoreCtime', 'withAtime', 'dryRun'] as const;
const ofArchives = ['encryption', 'recipient', 'passphraseFile', 'identityFile', 'layout'] as const;
const ofServices = ['bucket', 'prefix', 'dirs', 'archive'] as const;

const adHocOptions = [
  ...(['to', 'name', 'include', 'oneFileSystem', 'databases', 'format', 'limitUpload', 'compression'] as const),
  ...(['endpoint', 'region'] as const),
  ...ofArchives,
  ...excluding,
  ...naming,
  ...ofSnapshots,
];

/** An option that would be passed over in silence might be the one that matters. */
function refuse(options: BackupOptions, names: readonly (keyof BackupOptions)[], why: string): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const flag = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw cliError('usage', {
    message: `--${flag} ${why}`,
    hint: 'Leave it out: holdfast backup --help says what each option is for',
  });
}

/** The job that paths and options on the command line describe. */
async function adHocJob(paths: readonly string[], options: BackupOptions, context: CliContext): Promise<Job> {
  if (!options.to)
    throw cliError('usage', {
      message: 'it is not said where to back up to',
      hint: 'Add --to DIR or --to s3://bucket/prefix (repeat --to to keep a copy in several places), or --repo REPOSITORY',
    });
  if (!paths.some(isDatabase))
    refuse(options, ['databases', 'format'], 'is for databases, and no postgres:// is given');
  if (paths.every(isDatabase))
    refuse(options, ['include', 'oneFileSystem', ...excluding], 'is for files, not for databases');
  refuse(options, [...naming, ...ofSnapshots], 'is for a repository: name one with --repo');
  return {
    name: options.name ?? defaultJobName(paths[0] as string),
    sources: await Promise.all(paths.map((path) => sourceSpecOf(path, options, context))),
    vaults: await Promise.all(options.to.map((address) => vaultAt(address, options, context))),
    tags: options.tag ?? [],
    limits: context.limits,
    notify: [],
  };
}

/** What the command line says instead of a file with `backup.s3`. */
function overridesOf(
  { bucket, prefix, dirs, archive, incremental, once }: BackupOptions,
  interval?: number,
): Overrides {
  return {
    ...(bucket !== undefined && { bucket }),
    ...(prefix !== undefined && { prefix }),
    ...(dirs !== undefined && { dirs: dirs.split(',').map((dir) => dir.trim()) }),
    ...(archive !== undefined && { archive }),
    ...(incremental === false && { incremental }),
    ...(once !== undefined && { once }),
    ...(interval !== undefined && { intervalSeconds: interval }),
  };
}

function intervalOf({ interval, once, dryRun }: BackupOptions): number | undefined {
  if (interval === undefined) return undefined;
  const seconds = Number(interval);
  if (!Number.isInteger(seconds) || seconds < 1)
    throw cliError('usage', { message: `--interval takes whole seconds, not "${interval}"` });
  const other = once === true ? '--once' : dryRun === true ? '--dry-run' : undefined;
  if (other !== undefined) throw cliError('usage', { message: `--interval and ${other} exclude each other` });
  return seconds;
}

async function chosenJobs(
  paths: readonly string[],
  options: BackupOptions,
  context: CliContext,
): Promise<readonly Job[]> {
  const everySeconds = intervalOf(options);
  const schedule = everySeconds === undefined ? {} : { schedule: { everySeconds } };
  if (paths.length > 0) {
    refuse(options, ['job', ...ofServices], 'is for configured jobs, not for paths given here');
    return [{ ...(await adHocJob(paths, options, context)), ...schedule }];
  }
  refuse(options, adHocOptions, 'is for paths given here; configured jobs have theirs in the configuration');
  const configuration = await findConfiguration(context, overridesOf(options, everySeconds));
  if (!configuration)
    throw cliError('usage', {
      message: 'there is nothing to back up',
      hint: `Name paths (holdfast backup ./docs --to ./backups), or write ${defaultConfigFile}`,
    });
  if (configuration.jobs.length === 0)
    throw cliError('usage', {
      message: `${configuration.origin} has no job`,
      hint: 'Write one below "jobs": docs/configuration.md has an example',
    });
  return selectJobs(configuration, options.job ?? []).map((job) => ({
    ...job,
    ...schedule,
    tags: [...job.tags, ...(options.tag ?? [])],
  }));
}

/** The worst of several results; a job that could not begin gives its error's own status when it is alone. */
function statusOfResults(results: readonly JobResult[]): number {
  const [only, ...others] = results;
  if (only && others.length === 0 && only.error !== undefined && only.sources.length === 0)
    return exitStatusOf(only.error);
  if (results.every(({ status }) => status === 'ok')) return exitStatus.done;
  const none = results.every(({ status }) => status === 'failed' || status === 'locked');
  return none ? exitStatusOfFailures(results.flatMap(failuresOf).map(({ error }) => error)) : exitStatus.partial;
}

/** What is run, and what the user is told of it. */
interface Plan {
  readonly jobs: readonly Job[];
  readonly run: Pick<RunJobOptions, 'host' | 'time' | 'lock' | 'dryRun'>;
  readonly vaultFlags: VaultFlags;
  /** Paths that were named and are not there. */
  readonly missing: readonly string[];
}

async function repositoryPlan(
  paths: readonly string[],
  { options, repository }: { readonly options: BackupOptions; readonly repository: VaultUse },
  context: CliContext,
): Promise<Plan> {
  refuse(options, ['include', 'to', ...ofArchives], 'is not for a repository');
  refuse(options, ['job', ...ofServices], 'is for configured jobs, not for a repository that is named');
  const [databases, trees] = [paths.filter(isDatabase), paths.filter((path) => !isDatabase(path))];
  const words = { paths: trees, databases: databases.map((url) => databaseSpec(url, options)) };
  const { job, missing, ...told } = await repositoryJob(words, { options, repository }, context);
  const everySeconds = intervalOf(options);
  const schedule = everySeconds === undefined ? {} : { schedule: { everySeconds } };
  const vaultFlags: VaultFlags = (vault) => ['--repo', vault, ...passwordFlags(context)];
  const run = { host: context.host, ...told, lock: false, dryRun: options.dryRun };
  return { jobs: [{ ...job, ...schedule }], run, vaultFlags, missing };
}

async function planOf(paths: readonly string[], options: BackupOptions, context: CliContext): Promise<Plan> {
  const named = paths.length > 0 || naming.some((name) => options[name] !== undefined);
  const repository = await chosenRepository(context, {
    instead: options.to ? '--to' : undefined,
    stdinTaken: options.stdin === true,
    optionsOnly: !named,
  });
  if (repository) return repositoryPlan(paths, { options, repository }, context);
  const jobs = await chosenJobs(paths, options, context);
  const config = context.configPath === undefined ? [] : ['--config', context.configPath];
  const vaultFlags: VaultFlags = (vault) => (paths.length > 0 ? ['--from', vault, ...readingFlags(options)] : config);
  return { jobs, run: { host: context.host, lock: paths.length === 0 }, vaultFlags, missing: [] };
}

/** Runs the jobs one after the other; the worst result decides the exit status. With an interval, again and again. */
async function backup(paths: readonly string[], own: BackupOptions, context: CliContext): Promise<void> {
  const { clock, logger, signal, cacheDir, globals, output } = context;
  if (paths.length === 0 || !paths.every(isDatabase)) await prepareToRead();
  const { compression, limitUpload } = globals;
  const options = { ...own, ...(compression && { compression }), ...(limitUpload && { limitUpload }) };
  const { jobs, run, vaultFlags, missing } = await planOf(paths, options, context);
  for (const path of missing) output.note(`${visible(path)} does not exist, and is left out`);
  const interval = jobs.every(({ schedule, log }) => schedule && 'everySeconds' in schedule && log?.style === 'events');
  if (options.interval !== undefined || (interval && options.once !== true)) return repeat(jobs, context);
  const results: JobResult[] = [];
  for (const job of jobs) {
    const onEvent = listenerOf(job, context, () => backupReporter(vaultFlags, context, run.dryRun));
    results.push(await runJob(job, { clock, logger, signal, onEvent, cacheDir, ...run }));
  }
  const status = statusOfResults(results);
  context.setExitStatus(status === exitStatus.done && missing.length > 0 ? exitStatus.partial : status);
}

const addSourceOptions = (command: Command): Command =>
  command
    .optionsGroup('What to back up:')
    .option('--include <glob>', 'back up only what matches (gitignore rules); repeat for several', collect)
    .option('-x, --one-file-system', 'do not cross into other file systems')
    .option('--databases <glob>', 'databases of the server, "*" for all; repeat for several', collect)
    .addOption(
      new Option('--format <format>', 'dump format of databases (default: plain)').choices(['plain', 'custom']),
    )
    .option('--files-from <file>', 'read paths (globs) from a file, one a line; "-" is standard input', collect)
    .option('--files-from-verbatim <file>', 'the same, without globs and comments', collect)
    .option('--files-from-raw <file>', 'the same, each ended by a NUL', collect)
    .option('--stdin', 'back up what comes on standard input')
    .option('--stdin-filename <name>', 'the name of that file (default: stdin)');

const addExcludeOptions = (command: Command): Command =>
  command
    .optionsGroup('What to leave out:')
    .option('-e, --exclude <glob>', 'leave out what matches (gitignore rules; restic’s with --repo)', collect)
    .option('--iexclude <glob>', 'the same, whatever the case of letters', collect)
    .option('--exclude-file <file>', 'read such patterns from a file, one a line', collect)
    .option('--iexclude-file <file>', 'the same, whatever the case of letters', collect)
    .option('--exclude-caches', 'leave out what is in directories with a CACHEDIR.TAG')
    .option('--exclude-if-present <name[:header]>', 'leave out what is in directories that hold such a file', collect)
    .option('--exclude-larger-than <size>', 'leave out files that are larger: 500M, 2G', parseSize);

const addSnapshotOptions = (command: Command): Command =>
  command
    .optionsGroup('Into a repository:')
    .option('-H, --host <name>', 'the host that the snapshot names (default: this machine)')
    .option('--time <time>', 'the time that it shows: "2024-02-29 13:45:00" (default: now)')
    .option('--parent <id>', 'the snapshot that tells what has not changed (default: the last of the same paths)')
    .option('-f, --force', 'read every file, whatever has not changed')
    .option('--ignore-inode', 'another inode number does not tell that a file has changed')
    .option('--ignore-ctime', 'nor does another time of change (ctime)')
    .option('--with-atime', 'with the time when each file was last read, which a restore puts back')
    .option('-n, --dry-run', 'write nothing: only say what would be added');

const addJobOptions = (command: Command): Command =>
  command
    .optionsGroup('Configured jobs:')
    .option('--job <name>', 'run only this job of the configuration; repeat for several', collect)
    .option('--once', 'once, also where the file has an interval')
    .option('--bucket <name>', 'instead of the bucket of a file with "backup.s3"')
    .option('--prefix <prefix>', 'instead of its prefix')
    .option('--dirs <dir,dir>', 'instead of its directories')
    .option('--archive', 'one tar.gz of all directories per run, instead of a mirror')
    .option('--no-incremental', 'upload every file again');

function defineBackup(command: Command): Command {
  command
    .argument('[path...]', 'directories, files, or postgres://user@host/database')
    .option('--to <address>', 'where to: a directory, s3://bucket/prefix, s3:https://host/bucket/prefix', collect)
    .option('--name <name>', 'name of the job when paths are given (default: the first path’s last part)')
    .option('--tag <tag>', 'label the restore points; repeat for several', collect)
    .option('--interval <seconds>', 'again and again, with so long a pause, until SIGTERM');
  addSourceOptions(command);
  addExcludeOptions(command);
  addWriteOptions(command.optionsGroup('Where to, and how it is sealed:'));
  addSnapshotOptions(command);
  return addJobOptions(command).addHelpText(
    'after',
    `
Examples:
  holdfast backup ./docs --to ./backups
  holdfast backup /srv/data --to s3://my-bucket/prod --compression zstd --exclude '*.tmp'
  holdfast backup postgres://admin@db.example/ --databases '*' --to /mnt/backups
  holdfast backup --repo /mnt/repository /etc /home --exclude '*.tmp' --tag nightly
  holdfast backup --config holdfast.yaml --job app

Exit status: 0 done; 1 configuration or usage; 2 failed, no restore point; 3 partial;
10 there is no repository; 11 it is locked; 12 wrong password; 130 interrupted.`,
  );
}

export const backupCommand: CommandWork = { define: defineBackup, run: backup };

/** The command's other name, which says how often. */
export const onceCommand: CommandWork = {
  define: defineBackup,
  run: (paths: readonly string[], options: BackupOptions, context: CliContext) =>
    backup(paths, { ...options, once: true }, context),
};
