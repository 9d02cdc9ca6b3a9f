import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { listAll, withVaults, type FromOptions } from '../open-vaults.ts';
import { restorePointDocument, restorePointTable } from '../restore-point-view.ts';
import { addReadOptions, collect } from '../vault-options.ts';

export interface ListOptions extends FromOptions {
  readonly source?: string;
  readonly tag?: readonly string[];
}

/** Prints the restore points of the chosen vaults, oldest first. One that can't be read makes the status "partial". */
export async function list(options: ListOptions, context: CliContext): Promise<void> {
  await withVaults(options, context, async (vaults) => {
    const all = await listAll(vaults, context, () => context.setExitStatus(exitStatus.partial));
    const kept = all.filter(
      ({ point }) =>
        (options.source === undefined || point.source.name === options.source) &&
        (options.tag ?? []).every((tag) => point.tags.includes(tag)),
    );
    context.output.document({ restorePoints: kept.map(({ point }) => restorePointDocument(point)) });
    if (kept.length === 0) context.output.note('no restore points');
    else for (const row of restorePointTable(kept)) context.output.line(row);
  });
}

export function defineList(command: Command): Command {
  return addReadOptions(command)
    .description('list restore points, oldest first')
    .option('--from <address>', 'the vault: a directory or s3://bucket/prefix')
    .option('--vault <name>', 'only this vault of the configuration')
    .option('--source <name>', 'only restore points of this source')
    .option('--tag <tag>', 'only restore points with this tag; repeat for several', collect);
}
