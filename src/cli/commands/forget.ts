import type { Command } from 'commander';
import { findRestorePoint } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { listAll, withVaults, type FromOptions } from '../open-vaults.ts';
import { restorePointDocument, restorePointTable } from '../restore-point-view.ts';
import { addReadOptions } from '../vault-options.ts';

export interface ForgetOptions extends FromOptions {
  readonly dryRun?: boolean;
}

/** Deletes the restore points named by their ids; all ids are resolved before the first is deleted. */
export async function forget(ids: readonly string[], options: ForgetOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withVaults(options, context, async (vaults) => {
    const all = await listAll(vaults, context);
    const points = all.map((kept) => kept.point);
    const chosen = new Set(ids.map((id) => findRestorePoint(points, id).id));
    const doomed = all.filter(({ point }) => chosen.has(point.id));
    for (const row of restorePointTable(doomed)) output.line(row);
    if (!options.dryRun)
      for (const { vault } of vaults) {
        const own = doomed.filter((kept) => kept.vault === vault).map(({ point }) => point);
        if (own.length > 0) await vault.forget(own, signal);
      }
    output.document({
      dryRun: options.dryRun ?? false,
      forgotten: doomed.map(({ point }) => restorePointDocument(point)),
    });
    output.note(options.dryRun ? `${doomed.length} would be forgotten` : `${doomed.length} forgotten`);
  });
}

export function defineForget(command: Command): Command {
  return addReadOptions(command)
    .description('delete restore points')
    .argument('<id...>', 'the restore points to delete')
    .option('--from <address>', 'the vault: a directory or s3://bucket/prefix')
    .option('--vault <name>', 'only this vault of the configuration')
    .option('-n, --dry-run', 'only say what would be deleted');
}
