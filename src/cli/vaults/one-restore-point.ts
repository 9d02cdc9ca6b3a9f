import type { Command } from 'commander';
import { hasCode } from '../../base/errors.ts';
import { findRestorePoint, vaultError, type RestorePoint } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { listAll, withVaults, type FromOptions, type KeptRestorePoint } from './open-vaults.ts';
import { addFilterOptions, type FilterOptions, filterOf } from '../arguments/snapshot-filter.ts';
import { subfolderVault } from './subfolder-vault.ts';
import { addFromOptions } from '../arguments/vault-options.ts';

/** Options of the commands that take the id of a restore point. */
export interface PointOptions extends FromOptions, FilterOptions {
  readonly source?: string;
}

export function addPointOptions(command: Command): Command {
  return addFilterOptions(addFromOptions(command))
    .argument('<id>', 'a restore point: the beginning of its id, or "latest"; ":folder" behind it means one folder')
    .option('--source <name>', 'only restore points of this source (with "latest")');
}

/** What can't be read may be what is looked for: then it must not be said that it isn't there. */
function findReadable(
  points: readonly RestorePoint[],
  id: string,
  { source, unreadable }: { readonly source: string | undefined; readonly unreadable: number },
): RestorePoint {
  try {
    return findRestorePoint(points, id, source);
  } catch (error) {
    if (unreadable === 0 || !hasCode(error, 'vault/not-found')) throw error;
    throw vaultError('bad-manifest', {
      message: `"${id}" is not among the restore points that can be read; ${unreadable} could not be`,
      hint: 'What was said above is wrong with them; "holdfast list" shows those that can be read',
      cause: error,
    });
  }
}

/** Finds one restore point among all chosen vaults. Throws vault/not-found, vault/ambiguous or vault/bad-manifest. */
export async function withRestorePoint<Result>(
  id: string,
  options: PointOptions,
  context: CliContext,
  work: (kept: KeptRestorePoint) => Promise<Result>,
): Promise<Result> {
  const [, name = id, folder = ''] = /^([^:]*):(.*)$/.exec(id) ?? [];
  return withVaults(options, context, async (vaults) => {
    let unreadable = 0;
    const listed = await listAll(vaults, context, () => (unreadable += 1));
    const isWanted = filterOf(options);
    const all = listed.filter((kept) => isWanted(kept.point));
    const points: RestorePoint[] = all.map((kept) => kept.point);
    const point = findReadable(points, name, { source: options.source, unreadable });
    // The latest that can be read may not be the latest that there is.
    if (name === 'latest' && unreadable > 0) context.setExitStatus(exitStatus.partial);
    const { vault } = all.find((kept) => kept.point === point) as KeptRestorePoint;
    return work({ point, vault: subfolderVault(vault, folder) });
  });
}
