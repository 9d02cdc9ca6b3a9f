import { InvalidArgumentError, type Command } from 'commander';
import { findRestorePoint } from '../../vault/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { listAll, withVaults, type FromOptions, type KeptRestorePoint } from '../open-vaults.ts';
import { restorePointDocument, restorePointTable } from '../restore-point-view.ts';
import { addFilterOptions, type FilterOptions, filterOf } from '../snapshot-filter.ts';
import { addReadOptions } from '../vault-options.ts';

export interface ListOptions extends FromOptions, FilterOptions {
  readonly source?: string;
  readonly latest?: number;
}

function parseLatest(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1 on is expected.');
}

/** The newest so many of each host and set of paths; they come oldest first. */
function newestOfEach(kept: readonly KeptRestorePoint[], count: number): readonly KeptRestorePoint[] {
  const groups = Map.groupBy(kept, ({ point }) => JSON.stringify([point.host, point.source.paths.toSorted()]));
  const newest = new Set([...groups.values()].flatMap((group) => group.slice(-count)));
  return kept.filter((one) => newest.has(one));
}

function chosen(
  all: readonly KeptRestorePoint[],
  ids: readonly string[],
  options: ListOptions,
): readonly KeptRestorePoint[] {
  const isWanted = filterOf(options);
  const { source, latest } = options;
  const wanted = all.filter(({ point }) => isWanted(point) && (source === undefined || point.source.name === source));
  const points = wanted.map(({ point }) => point);
  const named = new Set(ids.map((id) => findRestorePoint(points, id, source).id));
  const found = ids.length === 0 ? wanted : wanted.filter(({ point }) => named.has(point.id));
  return latest === undefined ? found : newestOfEach(found, latest);
}

/** Prints the restore points of the chosen vaults, oldest first. One that can't be read makes the status "partial". */
async function list(ids: readonly string[], options: ListOptions, context: CliContext): Promise<void> {
  await withVaults(options, context, async (vaults) => {
    const all = await listAll(vaults, context, () => context.setExitStatus(exitStatus.partial));
    const kept = chosen(all, ids, options);
    context.output.document({ restorePoints: kept.map(({ point }) => restorePointDocument(point)) });
    if (kept.length === 0) context.output.note('no restore points');
    else for (const row of restorePointTable(kept)) context.output.line(row);
  });
}

function defineList(command: Command): Command {
  return addFilterOptions(addReadOptions(command))
    .argument('[id...]', 'only these restore points')
    .option('--from <address>', 'the vault: a directory or s3://bucket/prefix')
    .option('--vault <name>', 'only this vault of the configuration')
    .option('--source <name>', 'only restore points of this source')
    .option('--latest <n>', 'only the newest n of each host and set of paths', parseLatest);
}

export const listCommand: CommandWork = { define: defineList, run: list };
