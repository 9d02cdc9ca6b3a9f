import type { Command } from 'commander';
import { hasRules, pruneVault, type PruneReport, type RetentionPolicy } from '../../engine/index.ts';
import { findRestorePoint, type RestorePoint } from '../../vault/index.ts';
import { saidRepository } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus, exitStatusOfFailures } from '../exit-status.ts';
import { addGroupOption, type GroupName } from '../views/grouping.ts';
import { checkFolder, listAll, withVaults, type FromOptions, type OpenedVault } from '../vaults/open-vaults.ts';
import { pruneDocument, pruneLines } from '../views/prune-view.ts';
import {
  addPruneOptions,
  type PruneCommandOptions,
  pruneLimits,
  tellPruned,
  withPruneProgress,
} from '../vaults/prune-repositories.ts';
import { restorePointDocument, restorePointTable } from '../views/restore-point-view.ts';
import { addRetentionOptions, retentionOf, type RetentionOptions } from '../arguments/retention-options.ts';
import { addFilterOptions, type FilterOptions, filterOf } from '../arguments/snapshot-filter.ts';
import { addFromOptions, collect } from '../arguments/vault-options.ts';

/** Two directories of one name are not two versions of one directory. */
const defaultGrouping: readonly GroupName[] = ['paths'];
/** restic's, which knows neither jobs nor sources. */
const resticGrouping: readonly GroupName[] = ['host', 'paths'];

export interface ForgetOptions extends FromOptions, FilterOptions, RetentionOptions, PruneCommandOptions {
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly source?: readonly string[];
  readonly job?: readonly string[];
  readonly groupBy?: readonly GroupName[];
  readonly compact?: boolean;
  readonly timezone?: string;
  readonly force?: boolean;
}

/** A prune in a dry run would still see the snapshots that are to go, and say too little. */
const dryRunNote = 'a dry run does not say what a prune would free';

/** Deletes restore points of one vault and, where that was asked for, what only they needed. What is returned tells of that. */
async function forgetOf(
  { vault, use }: OpenedVault,
  points: readonly RestorePoint[],
  { options, context }: { readonly options: ForgetOptions; readonly context: CliContext },
): Promise<() => void> {
  const { signal, output } = context;
  if (!options.prune || !vault.prune) {
    await vault.forget(points, signal);
    return () => {};
  }
  let forgotten = false;
  try {
    const limits = pruneLimits(options, context);
    const onForgotten = (): void => void (forgotten = true);
    const report = await withPruneProgress(context, async (onProgress) =>
      vault.prune?.({ ...limits, forget: points, onForgotten, onProgress, signal }),
    );
    return () => report && tellPruned(use.name, report, { output });
  } catch (error) {
    if (!forgotten) throw error;
    // They are gone all the same, which is told first.
    return () => {
      throw error;
    };
  }
}

/** Deletes the restore points named by their ids; all ids are resolved before the first is deleted. */
async function forgetNamed(ids: readonly string[], options: ForgetOptions, context: CliContext): Promise<void> {
  const { output } = context;
  const { dryRun = false, prune } = options;
  await withVaults(options, context, async (vaults) => {
    const all = await listAll(vaults, context);
    const points = all.map((kept) => kept.point);
    const chosen = new Set(ids.map((id) => findRestorePoint(points, id).id));
    const doomed = all.filter(({ point }) => chosen.has(point.id));
    for (const row of restorePointTable(doomed, options)) output[dryRun ? 'line' : 'done'](row);
    const tellings: (() => void)[] = [];
    for (const opened of dryRun ? [] : vaults) {
      const own = doomed.filter((kept) => kept.vault === opened.vault).map(({ point }) => point);
      if (own.length > 0) tellings.push(await forgetOf(opened, own, { options, context }));
    }
    output.document({ dryRun, forgotten: doomed.map(({ point }) => restorePointDocument(point)) });
    output.note(dryRun ? `${doomed.length} would be forgotten` : `${doomed.length} forgotten`);
    if (dryRun && prune && doomed.length > 0) output.note(dryRunNote);
    for (const tell of tellings) tell();
  });
}

function checkTimezone(timezone: string | undefined): void {
  try {
    if (timezone !== undefined) Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timezone);
  } catch (error) {
    const hint = 'Give an IANA name such as America/Sao_Paulo';
    throw cliError('usage', { message: `"${timezone}" is no time zone`, hint, cause: error });
  }
}

/** What is said at the end, and with which status: a vault that could not be pruned is a failure here. */
function conclude(reports: readonly PruneReport[], options: ForgetOptions, context: CliContext): void {
  const { output } = context;
  for (const { vault, deleted, retained, findings } of reports) {
    for (const { message } of findings) output.note(`warning: ${vault}: ${message}`);
    output.note(`${vault}: ${deleted} ${options.dryRun ? 'would be deleted' : 'deleted'}, ${retained} retained`);
  }
  const findings = reports.flatMap((report) => report.findings);
  const failures = findings.filter(({ code }) => code === 'prune-failed');
  if (failures.length > 0) context.setExitStatus(exitStatusOfFailures(failures.map(({ error }) => error)));
  else if (findings.length > 0) context.setExitStatus(exitStatus.partial);
}

/** True for a name that the options pick, or when they pick none. */
const isPicked = (name: string, names: readonly string[] | undefined): boolean => names?.includes(name) ?? true;

/** Deletes what a policy does not keep, in every target of the vaults or in those that the options pick. */
async function forgetByPolicy(policy: RetentionPolicy, options: ForgetOptions, context: CliContext): Promise<void> {
  const { output, signal, clock } = context;
  const { source, job, dryRun = false } = options;
  const restics = (await saidRepository(context)) !== undefined && options.from === undefined;
  const groupBy = options.groupBy ?? (restics ? resticGrouping : defaultGrouping);
  const timezone = options.timezone ?? (restics ? Temporal.Now.timeZoneId() : undefined);
  checkTimezone(timezone);
  await withVaults(options, context, async (vaults) => {
    const reports: PruneReport[] = [];
    for (const { use } of vaults) checkFolder(use);
    for (const { vault } of vaults) {
      const report = await withPruneProgress(context, (onProgress) =>
        pruneVault(
          vault,
          (target) => (isPicked(target.source.name, source) && isPicked(target.job, job) ? policy : undefined),
          {
            clock,
            signal,
            dryRun,
            force: options.force ?? restics,
            isConcerned: filterOf(options),
            bySource: !restics,
            byHost: groupBy.includes('host'),
            byPaths: groupBy.includes('paths'),
            byTags: groupBy.includes('tags'),
            ...(timezone ? { timezone } : {}),
            ...(options.prune && { reclaim: { ...pruneLimits(options, context), onProgress } }),
          },
        ),
      );
      signal.throwIfAborted();
      for (const line of pruneLines(report, options)) output[dryRun ? 'line' : 'done'](line);
      reports.push(report);
    }
    output.document({ dryRun, vaults: reports.map(pruneDocument) });
    conclude(reports, options, context);
    if (dryRun && options.prune && reports.some(({ deleted }) => deleted > 0)) output.note(dryRunNote);
    for (const { vault, reclaimed } of reports) if (reclaimed) tellPruned(vault, reclaimed, { output });
  });
}

/** Deletes restore points: those named by their ids, or all that a policy does not keep. */
async function forget(ids: readonly string[], options: ForgetOptions, context: CliContext): Promise<void> {
  const policy = retentionOf(options);
  if (hasRules(policy) && ids.length > 0)
    throw cliError('usage', {
      message: 'ids and a policy are given',
      hint: 'Name the restore points to delete, or say with --keep-… what is to be kept; not both',
    });
  if (hasRules(policy)) return forgetByPolicy(policy, options, context);
  if (ids.length > 0) return forgetNamed(ids, options, context);
  throw cliError('usage', {
    message: 'it is not said what to forget',
    hint: 'Name restore points by their ids, or say what is to be kept: --keep-last 5, --keep-daily 7, --keep-within 30d, …',
  });
}

const grouping =
  'count a policy over each source of a job, told apart also by host, paths, tags (default: paths; with --repo over all sources, by host,paths)';

function defineForget(command: Command): Command {
  const withFilters = addFilterOptions(addRetentionOptions(addFromOptions(command)), { short: false });
  return addGroupOption(addPruneOptions(withFilters), grouping)
    .option('--prune', 'then remove the data of a repository that nothing needs any more')
    .argument('[id...]', 'the restore points to delete')
    .option('--source <name>', 'with a policy: only this source; repeat for several', collect)
    .option('--job <name>', 'with a policy: only of this job; repeat for several', collect)
    .option('-c, --compact', 'with host and tags instead of sizes and reasons')
    .option(
      '--timezone <name>',
      'where hours, days, weeks … of a policy begin (default: UTC; with --repo this machine’s)',
    )
    .option('--force', 'remove even when the newest backup has suddenly shrunk')
    .option('-n, --dry-run', 'only say what would be deleted');
}

export const forgetCommand: CommandWork = { define: defineForget, run: forget };
