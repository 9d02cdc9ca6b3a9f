import type { Command } from 'commander';
import { excludePatterns, type ExcludeOptions } from '../arguments/backup-lists.ts';
import { chosenSnapshots } from '../vaults/chosen-snapshots.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { isLockless } from '../global-options.ts';
import { parseMomentOption } from '../arguments/parse-moment.ts';
import { gitignorePattern } from '../arguments/restic-patterns.ts';
import { addFilterOptions, type FilterOptions } from '../arguments/snapshot-filter.ts';
import { collect } from '../arguments/vault-options.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

type SnapshotOptions = RepositoryOptions & FilterOptions;

export interface TagOptions extends SnapshotOptions {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly set?: readonly string[];
}

export interface RewriteOptions extends SnapshotOptions, ExcludeOptions {
  readonly forget?: boolean;
  readonly dryRun?: boolean;
  readonly newHost?: string;
  readonly newTime?: bigint;
}

interface ChangedSnapshot {
  readonly oldId: string;
  /** Undefined where nothing takes its place, and in a dry run. */
  readonly newId?: string;
}

/** Each snapshot that was changed is another one then. */
function tellChanges(type: string, changes: readonly ChangedSnapshot[], { output }: CliContext): void {
  output.document({ type, snapshots: changes });
  for (const { oldId, newId } of changes)
    if (newId === undefined) output.line(oldId.slice(0, 8));
    else output.done(`${oldId.slice(0, 8)} is ${newId.slice(0, 8)} now`);
  output.note(`${changes.length} snapshots`);
}

const listOf = (words: readonly string[] | undefined): string[] =>
  (words ?? []).flatMap((word) => word.split(',')).filter((word) => word !== '');

/** Changes the tags of snapshots. */
async function tag(ids: readonly string[], options: TagOptions, context: CliContext): Promise<void> {
  const { add, remove, set } = options;
  if (set && (add ?? remove)) throw cliError('usage', { message: '--set excludes --add and --remove' });
  if (!set && !add && !remove)
    throw cliError('usage', { message: 'it is not said which tags: --add, --remove or --set' });
  const change = set ? { set: listOf(set) } : { add: listOf(add), remove: listOf(remove) };
  await withRepository(options, context, async (opened) => {
    const snapshots = await chosenSnapshots(opened, ids, { options, context });
    const { signal } = context;
    tellChanges('tagged', await opened.library.tagSnapshots(opened.repository, snapshots, { change, signal }), context);
  });
}

/** Makes snapshots without some of their files, or of another host or time. */
async function rewrite(ids: readonly string[], options: RewriteOptions, context: CliContext): Promise<void> {
  const exclude = (await excludePatterns(options, context)).map(gitignorePattern);
  const { forget = false, dryRun = false, newHost, newTime } = options;
  if (exclude.length === 0 && newHost === undefined && newTime === undefined)
    throw cliError('usage', {
      message: 'it is not said what is to be another',
      hint: 'Say what to leave out by --exclude, or give --new-host or --new-time',
    });
  const changes = {
    exclude,
    ...(newHost !== undefined && { newHost }),
    ...(newTime !== undefined && { newTimeNs: newTime }),
  };
  await withRepository(options, context, async (opened) => {
    const snapshots = await chosenSnapshots(opened, ids, { options, context });
    const how = { ...changes, forget, dryRun, lockless: isLockless(context), signal: context.signal };
    tellChanges('rewritten', await opened.library.rewriteSnapshots(opened.repository, snapshots, how), context);
  });
}

/** Makes snapshots without what is damaged or lost. */
async function repairSnapshots(ids: readonly string[], options: RewriteOptions, context: CliContext): Promise<void> {
  const { forget = false, dryRun = false } = options;
  await withRepository(options, context, async (opened) => {
    const damaged: string[] = [];
    const onUnreadable = (id: string): void => void damaged.push(id);
    const snapshots = await chosenSnapshots(opened, ids, { options, context, onUnreadable });
    // What it would tell of itself, ids and filters can't pick.
    const isAll = ids.length === 0 && ![options.tag, options.host, options.path].some((filter) => filter);
    const unreadable = isAll ? damaged : [];
    const onLoss = (path: string, what: string): void => context.output.note(`${path}: ${what}`);
    const how = { forget, dryRun, lockless: isLockless(context), signal: context.signal, onLoss, unreadable };
    const { repaired, lost } = await opened.library.repairSnapshots(opened.repository, snapshots, how);
    for (const id of lost) context.output.note(`nothing of the snapshot ${id.slice(0, 8)} can be read`);
    tellChanges('repaired', repaired, context);
  });
}

const addIds = (command: Command): Command =>
  addFilterOptions(addVaultOption(command)).argument(
    '[id...]',
    'the snapshots; all that the options pick when left out',
  );

const defineTag = (command: Command): Command =>
  addIds(command)
    .option('--add <tag[,tag]>', 'tags to add; repeat for several', collect)
    .option('--remove <tag[,tag]>', 'tags to remove; repeat for several', collect)
    .option('--set <tag[,tag]>', 'all tags that they are to have; repeat for several', collect);

const addRewriting = (command: Command): Command =>
  addIds(command)
    .option('--forget', 'remove the snapshots that others take the place of')
    .option('-n, --dry-run', 'only say what would be done');

const defineRewrite = (command: Command): Command =>
  addRewriting(command)
    .option('-e, --exclude <glob>', 'what to leave out (restic’s rules); repeat for several', collect)
    .option('--iexclude <glob>', 'the same, whatever the case of letters', collect)
    .option('--exclude-file <file>', 'read such patterns from a file, one a line', collect)
    .option('--iexclude-file <file>', 'the same, whatever the case of letters', collect)
    .option('--new-host <name>', 'the host that they are to name')
    .option('--new-time <time>', 'the time that they are to show: "2024-02-29 13:45:00"', parseMomentOption);

export const tagCommand: CommandWork = { define: defineTag, run: tag };
export const rewriteCommand: CommandWork = { define: defineRewrite, run: rewrite };
export const repairSnapshotsCommand: CommandWork = { define: addRewriting, run: repairSnapshots };
