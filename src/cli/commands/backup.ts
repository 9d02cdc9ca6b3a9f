import { basename, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { selectJobs, type Job, type Overrides } from '../../config/index.ts';
import { runJob, type JobResult } from '../../jobs/index.ts';
import type { SourceSpec } from '../../source/index.ts';
import { backupReporter, type VaultFlags } from '../backup-report.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus, exitStatusOf } from '../exit-status.ts';
import { defaultConfigFile, findConfiguration } from '../open-vaults.ts';
import { listenerOf, repeat } from '../repeat.ts';
import { addWriteOptions, collect, readingFlags, vaultAt, type VaultOptions } from '../vault-options.ts';

export interface BackupOptions extends VaultOptions {
  readonly to?: readonly string[];
  readonly job?: readonly string[];
  readonly name?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly oneFileSystem?: boolean;
  readonly databases?: readonly string[];
  readonly format?: 'plain' | 'custom';
  readonly tag?: readonly string[];
  readonly limitUpload?: string;
  readonly interval?: string;
  readonly once?: boolean;
  readonly bucket?: string;
  readonly prefix?: string;
  readonly dirs?: string;
  readonly archive?: boolean;
  readonly incremental?: boolean;
}

const isDatabase = (argument: string): boolean => /^postgres(ql)?:\/\//.test(argument);

/** The source that one argument names: a database by its URL, anything else a directory or a file. */
function sourceSpecOf(argument: string, options: BackupOptions): SourceSpec {
  if (isDatabase(argument))
    return {
      type: 'postgres',
      url: argument,
      ...(options.databases ? { databases: options.databases } : {}),
      ...(options.format ? { format: options.format } : {}),
    };
  return {
    type: 'directory',
    path: resolve(argument),
    ...(options.include ? { include: options.include } : {}),
    ...(options.exclude ? { exclude: options.exclude } : {}),
    ...(options.oneFileSystem ? { oneFileSystem: true } : {}),
  };
}

function defaultJobName(path: string): string {
  const name = URL.canParse(path) ? new URL(path).pathname.slice(1) || 'postgres' : basename(resolve(path));
  return name || 'root';
}

function uploadLimit(text: string | undefined): Job['limits'] {
  if (text === undefined) return {};
  const uploadKBps = Number(text);
  if (!Number.isInteger(uploadKBps) || uploadKBps < 1)
    throw cliError('usage', { message: `--limit-upload takes whole kilobytes a second, not "${text}"` });
  return { uploadKBps };
}

const adHocOptions = [
  ...(['to', 'name', 'include', 'exclude', 'oneFileSystem', 'databases', 'format', 'limitUpload'] as const),
  ...(['compression', 'encryption', 'recipient', 'passphraseFile', 'identityFile', 'layout'] as const),
  ...(['endpoint', 'region'] as const),
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
      hint: 'Add --to DIR or --to s3://bucket/prefix; repeat --to to keep a copy in several places',
    });
  if (!paths.some(isDatabase))
    refuse(options, ['databases', 'format'], 'is for databases, and no postgres:// is given');
  if (paths.every(isDatabase))
    refuse(options, ['include', 'exclude', 'oneFileSystem'], 'is for files, not for databases');
  return {
    name: options.name ?? defaultJobName(paths[0] as string),
    sources: paths.map((path) => sourceSpecOf(path, options)),
    vaults: await Promise.all(options.to.map((address) => vaultAt(address, options, context.environment))),
    tags: options.tag ?? [],
    limits: uploadLimit(options.limitUpload),
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

function intervalOf({ interval, once }: BackupOptions): number | undefined {
  if (interval === undefined) return undefined;
  const seconds = Number(interval);
  if (!Number.isInteger(seconds) || seconds < 1)
    throw cliError('usage', { message: `--interval takes whole seconds, not "${interval}"` });
  if (once === true) throw cliError('usage', { message: '--interval and --once exclude each other' });
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
    refuse(options, ['job', 'bucket', 'prefix', 'dirs', 'archive'], 'is for configured jobs, not for paths given here');
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
  return none ? exitStatus.runFailed : exitStatus.partial;
}

/** Runs the jobs one after the other; the worst result decides the exit status. With an interval, again and again. */
export async function backup(paths: readonly string[], options: BackupOptions, context: CliContext): Promise<void> {
  const { clock, logger, host, signal } = context;
  const jobs = await chosenJobs(paths, options, context);
  const interval = jobs.every(({ schedule, log }) => schedule && 'everySeconds' in schedule && log?.style === 'events');
  if (options.interval !== undefined || (interval && options.once !== true)) return repeat(jobs, context);
  const config = context.configPath === undefined ? [] : ['--config', context.configPath];
  const vaultFlags: VaultFlags = (vault) => (paths.length > 0 ? ['--from', vault, ...readingFlags(options)] : config);
  const results: JobResult[] = [];
  for (const job of jobs) {
    const onEvent = listenerOf(job, context, () => backupReporter(vaultFlags, context));
    results.push(await runJob(job, { clock, logger, host, signal, onEvent, lock: paths.length === 0 }));
  }
  context.setExitStatus(statusOfResults(results));
}

export function defineBackup(command: Command): Command {
  return addWriteOptions(command)
    .description('back up the configured jobs, or the paths and databases given')
    .argument('[path...]', 'directories, files, or postgres://user@host/database')
    .option('--to <address>', 'where to: a directory, s3://bucket/prefix, s3:https://host/bucket/prefix', collect)
    .option('--job <name>', 'run only this job of the configuration; repeat for several', collect)
    .option('--name <name>', 'name of the job when paths are given (default: the first path’s last part)')
    .option('--include <glob>', 'back up only what matches (gitignore rules); repeat for several', collect)
    .option('--exclude <glob>', 'leave out what matches (gitignore rules); repeat for several', collect)
    .option('--one-file-system', 'do not cross into other file systems')
    .option('--databases <glob>', 'databases of the server, "*" for all; repeat for several', collect)
    .addOption(
      new Option('--format <format>', 'dump format of databases (default: plain)').choices(['plain', 'custom']),
    )
    .option('--tag <tag>', 'label the restore points; repeat for several', collect)
    .option('--limit-upload <KBps>', 'send at most so many kilobytes a second')
    .option('--interval <seconds>', 'again and again, with so long a pause, until SIGTERM')
    .option('--once', 'once, also where the file has an interval')
    .option('--bucket <name>', 'instead of the bucket of a file with "backup.s3"')
    .option('--prefix <prefix>', 'instead of its prefix')
    .option('--dirs <dir,dir>', 'instead of its directories')
    .option('--archive', 'one tar.gz of all directories per run, instead of a mirror')
    .option('--no-incremental', 'upload every file again')
    .addHelpText(
      'after',
      `
Examples:
  holdfast backup ./docs --to ./backups
  holdfast backup /srv/data --to s3://my-bucket/prod --compression zstd --exclude '*.tmp'
  holdfast backup postgres://admin@db.example/ --databases '*' --to /mnt/backups
  holdfast backup --config holdfast.yaml --job app

Exit status: 0 done; 1 configuration or usage; 2 failed, no restore point; 3 partial; 130 interrupted.`,
    );
}
