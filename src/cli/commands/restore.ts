import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { formatBytes } from '../../base/bytes.ts';
import { restoreToDirectory, restoreToPostgres, type VerifiedFiles, verifyRestored } from '../../engine/index.ts';
import type { RestoreProblem } from '../../source/index.ts';
import { saidRepository } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus } from '../exit-status.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../vaults/one-restore-point.ts';
import type { KeptRestorePoint } from '../vaults/open-vaults.ts';
import { createProgressLine, noProgressLine } from '../progress-line.ts';
import { gitignorePattern, insensitivePattern } from '../arguments/restic-patterns.ts';
import { shortId } from '../views/restore-point-view.ts';
import { visible } from '../views/table.ts';
import { collect } from '../arguments/vault-options.ts';

export interface RestoreOptions extends PointOptions {
  readonly target?: string;
  readonly to?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly iinclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly table?: readonly string[];
  readonly overwrite?: true | 'never' | 'if-changed' | 'always';
  readonly dryRun?: boolean;
  readonly verify?: boolean;
}

const shownProblems = 20;

/** A user who is not root can't give files away; that is no surprise to him, and the files are whole. */
const harmless: ReadonlySet<RestoreProblem['kind']> = new Set(['owner']);

function checkVerifying({ to, dryRun, verify }: RestoreOptions): void {
  if (!verify) return;
  if (to !== undefined)
    throw cliError('usage', { message: '--verify is for files', hint: 'A database is checked in any case' });
  if (dryRun) throw cliError('usage', { message: '--dry-run and --verify exclude each other' });
}

function checkOptions({ target, to, include, exclude, iinclude, iexclude, table, dryRun }: RestoreOptions): void {
  if ((target === undefined) === (to === undefined))
    throw cliError('usage', {
      message: target === undefined ? 'it is not said where to restore to' : '--target and --to exclude each other',
      hint: 'Add --target DIR for files, or --to postgres://user@host/database for a database',
    });
  if (to !== undefined && (include ?? exclude ?? iinclude ?? iexclude))
    throw cliError('usage', { message: '--include and --exclude choose files; a database takes --table' });
  if (to !== undefined && dryRun)
    throw cliError('usage', {
      message: '--dry-run is there for files only',
      hint: 'holdfast show ID tells what a dump holds',
    });
  if (target !== undefined && table)
    throw cliError('usage', {
      message: '--table chooses tables of a database',
      hint: 'Restore with --to postgres://…',
    });
}

/** What is chosen, in .gitignore's terms; with --repo the patterns are restic's. */
async function patternsOf(
  { include = [], exclude = [], iinclude = [], iexclude = [] }: RestoreOptions,
  context: CliContext,
): Promise<{ readonly include: readonly string[]; readonly exclude: readonly string[] }> {
  const restics = (await saidRepository(context)) !== undefined;
  const written = (patterns: readonly string[]): readonly string[] =>
    restics ? patterns.map(gitignorePattern) : patterns;
  return {
    include: written([...include, ...iinclude.map(insensitivePattern)]),
    exclude: written([...exclude, ...iexclude.map(insensitivePattern)]),
  };
}

function tellProblems(problems: readonly RestoreProblem[], { output }: CliContext): void {
  for (const { kind, path, message } of problems.slice(0, shownProblems))
    output.note(`${kind}: ${visible(path)}: ${message}`);
  if (problems.length > shownProblems) output.note(`… and ${problems.length - shownProblems} more problems`);
}

async function toDirectory(
  { vault, point }: KeptRestorePoint,
  options: RestoreOptions,
  context: CliContext,
): Promise<void> {
  const { output, signal, logger } = context;
  const line = context.interactive ? createProgressLine(context.streams.stderr, context.clock) : noProgressLine;
  const problems: RestoreProblem[] = [];
  const targetDir = resolve(options.target as string);
  // restic replaces what is there; its users' scripts rely on it.
  const usual = (await saidRepository(context)) === undefined ? 'never' : 'always';
  const total = { files: point.files, bytes: point.sizeBytes };
  const what = {
    vault,
    point,
    targetDir,
    ...(await patternsOf(options, context)),
    signal,
    onProblem: (problem: RestoreProblem): void => void problems.push(problem),
  };
  try {
    const result = await restoreToDirectory({
      ...what,
      overwrite: options.overwrite === true ? 'always' : (options.overwrite ?? usual),
      dryRun: options.dryRun ?? false,
      logger,
      onProgress: (done) => line.update(`restore ${shortId(point)}`, done, total),
    });
    const onProgress = (done: VerifiedFiles): void => line.update(`verify ${shortId(point)}`, done, total);
    const verified = options.verify ? await verifyRestored({ ...what, onProgress }) : undefined;
    line.clear();
    const partial = problems.some(({ kind }) => !harmless.has(kind));
    const told = { ...result, ...(verified && { verified }) };
    output.document({ status: partial ? 'partial' : 'ok', id: point.id, target: targetDir, ...told, problems });
    tellProblems(problems, context);
    if (!output.quiet) {
      const verb = options.dryRun ? 'would be restored' : 'restored and checked';
      output.line(`${result.files} files, ${formatBytes(result.bytes)} ${verb}: ${targetDir}`);
      if (verified) output.line(`${verified.files} files, ${formatBytes(verified.bytes)} read back and verified`);
    }
    if (partial) context.setExitStatus(exitStatus.partial);
  } finally {
    line.clear();
  }
}

async function toDatabase(
  { vault, point }: KeptRestorePoint,
  options: RestoreOptions,
  context: CliContext,
): Promise<void> {
  const { output, signal, logger, clock } = context;
  if (
    options.overwrite !== undefined &&
    options.overwrite !== true &&
    options.overwrite !== 'always' &&
    options.overwrite !== 'never'
  )
    throw cliError('usage', { message: 'a database is replaced as a whole: --overwrite takes no "if-changed" for it' });
  const result = await restoreToPostgres({
    vault,
    point,
    url: options.to as string,
    overwrite: options.overwrite === true || options.overwrite === 'always',
    tables: options.table ?? [],
    signal,
    logger,
    clock,
  });
  output.document({ status: 'ok', id: point.id, ...result });
  for (const note of result.notes) output.note(visible(note));
  if (output.quiet) return;
  const what = options.table ? `${options.table.join(', ')} restored` : `${point.source.name} restored and checked`;
  output.line(result.database === undefined ? what : `${what}: database ${result.database}`);
}

/** Puts a restore point back: its files into a directory, or its dump into a database. */
async function restore(id: string, options: RestoreOptions, context: CliContext): Promise<void> {
  checkOptions(options);
  checkVerifying(options);
  await withRestorePoint(id, options, context, (kept) =>
    options.target === undefined ? toDatabase(kept, options, context) : toDirectory(kept, options, context),
  );
}

function defineRestore(command: Command): Command {
  return addPointOptions(command)
    .option('-t, --target <dir>', 'restore files into this directory')
    .option('--to <url>', 'restore a database: postgres://user@host/database')
    .option(
      '-i, --include <glob>',
      'only files that match (gitignore rules; restic’s with --repo); repeat for several',
      collect,
    )
    .option('--iinclude <glob>', 'the same, whatever the case of letters', collect)
    .option('-e, --exclude <glob>', 'all but files that match; repeat for several', collect)
    .option('--iexclude <glob>', 'the same, whatever the case of letters', collect)
    .option('--table <name>', 'only this table (schema.table), into an existing database; repeat for several', collect)
    .addOption(
      new Option(
        '--overwrite [when]',
        'replace what is there already: always (default with --repo), if-changed, never (default)',
      ).choices(['always', 'if-changed', 'never']),
    )
    .option('-n, --dry-run', 'only say what would be restored')
    .option('--verify', 'then read the files back and compare them with the restore point')
    .addHelpText(
      'after',
      `
Nothing appears under its final name before the restore point has been read to its end and found whole.

Examples:
  holdfast restore latest --from ./backups --target ./restored
  holdfast restore 3f9a1c2e --from ./backups --target ./restored --include 'reports/**'
  holdfast restore 3f9a1c2e --to postgres://admin@db/shop_restored
  holdfast restore 3f9a1c2e --to postgres://admin@db/shop --table public.users`,
    );
}

export const restoreCommand: CommandWork = { define: defineRestore, run: restore };
