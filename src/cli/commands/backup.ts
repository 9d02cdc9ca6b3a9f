import { basename, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { selectJobs, type Job } from '../../config/index.ts';
import { runBackup, type RunResult } from '../../engine/index.ts';
import { openSources, type Source, type SourceSpec } from '../../source/index.ts';
import type { Vault } from '../../vault/index.ts';
import { backupReporter } from '../backup-report.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus } from '../exit-status.ts';
import { defaultConfigFile, findConfiguration, openVaultUse } from '../open-vaults.ts';
import { addWriteOptions, collect, vaultAt, type VaultOptions } from '../vault-options.ts';

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
}

/** The source that one argument names: a database by its URL, anything else a directory or a file. */
function sourceSpecOf(argument: string, options: BackupOptions): SourceSpec {
  if (/^postgres(ql)?:\/\//.test(argument))
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

/** The job that paths and options on the command line describe. */
async function adHocJob(paths: readonly string[], options: BackupOptions, context: CliContext): Promise<Job> {
  if (!options.to)
    throw cliError('usage', {
      message: 'it is not said where to back up to',
      hint: 'Add --to DIR or --to s3://bucket/prefix; repeat --to to keep a copy in several places',
    });
  return {
    name: options.name ?? defaultJobName(paths[0] as string),
    sources: paths.map((path) => sourceSpecOf(path, options)),
    vaults: await Promise.all(options.to.map((address) => vaultAt(address, options, context.environment))),
    tags: options.tag ?? [],
    limits: uploadLimit(options.limitUpload),
  };
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
    hint: 'Name paths (holdfast backup ./docs --to ./backups), or back up configured jobs with --config and --job alone',
  });
}

async function chosenJobs(
  paths: readonly string[],
  options: BackupOptions,
  context: CliContext,
): Promise<readonly Job[]> {
  if (paths.length > 0) {
    refuse(options, ['job'], 'is for configured jobs, not for paths given here');
    return [await adHocJob(paths, options, context)];
  }
  refuse(options, adHocOptions, 'is for paths given here; configured jobs have theirs in the configuration');
  const configuration = await findConfiguration(context);
  if (!configuration)
    throw cliError('usage', {
      message: 'there is nothing to back up',
      hint: `Name paths (holdfast backup ./docs --to ./backups), or write ${defaultConfigFile}`,
    });
  return selectJobs(configuration, options.job ?? []).map((job) => ({
    ...job,
    tags: [...job.tags, ...(options.tag ?? [])],
  }));
}

/** Stands in for a source that could not be opened: the run reports it as failed, and goes on with the others. */
function unavailableSource(spec: SourceSpec, error: unknown): Source {
  const name = spec.name ?? (spec.type === 'directory' ? basename(spec.path) : spec.type);
  const read = (): never => {
    throw error;
  };
  return { type: spec.type, name, shape: spec.type === 'directory' ? 'tree' : 'file', paths: [], read };
}

/** Opens the sources of a job. Throws when none can be opened, or when two have one name: it names what is stored. */
async function openJobSources(job: Job, context: CliContext): Promise<Source[]> {
  const { signal, logger, clock } = context;
  const sources: Source[] = [];
  const failures: { readonly spec: SourceSpec; readonly error: unknown }[] = [];
  for (const spec of job.sources) {
    try {
      sources.push(...(await openSources(spec, { signal, logger, clock })));
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ spec, error });
    }
  }
  const [first, ...others] = failures;
  if (first && sources.length === 0) {
    for (const { error } of others) context.output.failure(error);
    throw first.error;
  }
  const seen = new Map<string, Source>();
  for (const source of sources) {
    const other = seen.get(source.name);
    if (other)
      throw cliError('usage', {
        message: `two sources of the job "${job.name}" are named "${source.name}": ${other.paths.join(', ')} and ${source.paths.join(', ')}`,
        hint: 'Give one of them another name, or back them up in two jobs',
      });
    seen.set(source.name, source);
  }
  return [...sources, ...failures.map(({ spec, error }) => unavailableSource(spec, error))];
}

async function runJob(job: Job, context: CliContext): Promise<RunResult> {
  const { signal, clock, logger, host } = context;
  const sources = await openJobSources(job, context);
  const reporter = backupReporter(job, sources, context);
  const vaults: Vault[] = [];
  try {
    for (const use of job.vaults) vaults.push(await openVaultUse(use, context, job.limits));
    const result = await runBackup({
      job: job.name,
      sources,
      vaults,
      tags: job.tags,
      host,
      signal,
      clock,
      logger,
      ...reporter.events,
    });
    reporter.end(result, vaults);
    return result;
  } finally {
    reporter.clear();
    await Promise.all(vaults.map((vault) => vault.close()));
  }
}

const statusOfRun = { ok: exitStatus.done, partial: exitStatus.partial, failed: exitStatus.runFailed };

/** Runs the jobs one after the other; the worst result decides the exit status. */
export async function backup(paths: readonly string[], options: BackupOptions, context: CliContext): Promise<void> {
  const jobs = await chosenJobs(paths, options, context);
  const statuses: number[] = [];
  for (const job of jobs) {
    try {
      statuses.push(statusOfRun[(await runJob(job, context)).status]);
    } catch (error) {
      context.signal.throwIfAborted();
      if (jobs.length === 1) throw error;
      context.output.failure(error);
      statuses.push(exitStatus.runFailed);
    }
  }
  const allFailed = statuses.every((status) => status === exitStatus.runFailed);
  const worst = statuses.every((status) => status === exitStatus.done) ? exitStatus.done : exitStatus.partial;
  context.setExitStatus(allFailed ? exitStatus.runFailed : worst);
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
