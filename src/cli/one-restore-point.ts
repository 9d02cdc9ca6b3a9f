import type { Command } from 'commander';
import { findRestorePoint, type RestorePoint } from '../vault/index.ts';
import type { CliContext } from './context.ts';
import { listAll, withVaults, type FromOptions, type KeptRestorePoint } from './open-vaults.ts';
import { addReadOptions } from './vault-options.ts';

/** Options of the commands that take the id of a restore point. */
export interface PointOptions extends FromOptions {
  readonly source?: string;
}

export function addPointOptions(command: Command): Command {
  return addReadOptions(command)
    .argument('<id>', 'a restore point: the beginning of its id, or "latest"')
    .option('--from <address>', 'the vault: a directory or s3://bucket/prefix')
    .option('--vault <name>', 'only this vault of the configuration')
    .option('--source <name>', 'only restore points of this source (with "latest")');
}

/** Finds one restore point among all chosen vaults. Throws vault/not-found or vault/ambiguous. */
export async function withRestorePoint<Result>(
  id: string,
  options: PointOptions,
  context: CliContext,
  work: (kept: KeptRestorePoint) => Promise<Result>,
): Promise<Result> {
  return withVaults(options, context, async (vaults) => {
    const all = await listAll(vaults, context);
    const points: RestorePoint[] = all.map((kept) => kept.point);
    const point = findRestorePoint(points, id, options.source);
    return work(all.find((kept) => kept.point === point) as KeptRestorePoint);
  });
}
