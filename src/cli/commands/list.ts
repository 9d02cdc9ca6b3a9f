import { InvalidArgumentError, type Command } from 'commander';
import { findRestorePoint } from '../../vault/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import {
  addGroupOption,
  groupKeyDocument,
  groupLabel,
  groupRestorePoints,
  type Group,
  type GroupName,
} from '../views/grouping.ts';
import { listAll, withVaults, type FromOptions, type KeptRestorePoint } from '../vaults/open-vaults.ts';
import { restorePointDocument, restorePointTable } from '../views/restore-point-view.ts';
import { addFilterOptions, type FilterOptions, filterOf } from '../arguments/snapshot-filter.ts';
import { visible } from '../views/table.ts';
import { addFromOptions } from '../arguments/vault-options.ts';
import { idKinds, isIdKind, listIds } from './list-ids.ts';

export interface ListOptions extends FromOptions, FilterOptions {
  readonly source?: string;
  readonly latest?: number;
  readonly groupBy?: readonly GroupName[];
  readonly compact?: boolean;
}

function parseLatest(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1 on is expected.');
}

/** The newest so many of each host and set of paths; they come oldest first. */
function newestOfEach(kept: readonly KeptRestorePoint[], count: number): readonly KeptRestorePoint[] {
  const groups = groupRestorePoints(kept, ['host', 'paths']);
  const newest = new Set(groups.flatMap((group) => group.kept.slice(-count)));
  return kept.filter((one) => newest.has(one));
}

function chosen(
  all: readonly KeptRestorePoint[],
  ids: readonly string[],
  options: ListOptions,
): readonly KeptRestorePoint[] {
  const isWanted = filterOf(options);
  const { source } = options;
  const wanted = all.filter(({ point }) => isWanted(point) && (source === undefined || point.source.name === source));
  const points = wanted.map(({ point }) => point);
  const named = new Set(ids.map((id) => findRestorePoint(points, id, source).id));
  return ids.length === 0 ? wanted : wanted.filter(({ point }) => named.has(point.id));
}

/** The groups that were asked for, or all as one. Of each the newest so many, where that was asked for. */
function groupsOf(kept: readonly KeptRestorePoint[], { groupBy = [], latest }: ListOptions): readonly Group[] {
  return groupRestorePoints(kept, groupBy).map(({ key, kept: own }) => ({
    key,
    kept: latest === undefined ? own : newestOfEach(own, latest),
  }));
}

const documents = (kept: readonly KeptRestorePoint[]): readonly unknown[] =>
  kept.map(({ point }) => restorePointDocument(point));

function documentOf(groups: readonly Group[], { groupBy }: ListOptions): Record<string, unknown> {
  const byTime = groups
    .flatMap(({ kept }) => kept)
    .sort((a, b) => a.point.startedAt.getTime() - b.point.startedAt.getTime());
  return {
    restorePoints: documents(byTime),
    ...(groupBy && {
      groups: groups.map(({ key, kept }) => ({ group_key: groupKeyDocument(key), snapshots: documents(kept) })),
    }),
  };
}

/**
 * Prints the restore points of the chosen vaults, oldest first. One that can't be read makes the status "partial". With one
 * of restic's words for what is in a repository, its ids.
 */
async function list(ids: readonly string[], options: ListOptions, context: CliContext): Promise<void> {
  const [only, another] = ids;
  if (another === undefined && isIdKind(only)) return listIds(only, options, context);
  await withVaults(options, context, async (vaults) => {
    const all = await listAll(vaults, context, () => context.setExitStatus(exitStatus.partial));
    const groups = groupsOf(chosen(all, ids, options), options);
    const { output } = context;
    output.document(documentOf(groups, options));
    if (groups.length === 0) output.note('no restore points');
    for (const [at, { key, kept }] of groups.entries()) {
      const label = groupLabel(key);
      if (at > 0) output.line();
      if (label !== '') output.line(visible(`${label}:`));
      for (const row of restorePointTable(kept, options)) output.line(row);
    }
  });
}

function defineList(command: Command): Command {
  return addGroupOption(
    addFilterOptions(addFromOptions(command)),
    'a list for each host, paths or tags, or what of them is named with commas between',
  )
    .option('-c, --compact', 'with host and tags instead of source, sizes and status')
    .argument('[id...]', `only these restore points; or, of a repository, the ids of its ${idKinds.join(', ')}`)
    .option('--source <name>', 'only restore points of this source')
    .option('--latest <n>', 'only the newest n of each host and set of paths', parseLatest);
}

export const listCommand: CommandWork = { define: defineList, run: list, shows: true };
