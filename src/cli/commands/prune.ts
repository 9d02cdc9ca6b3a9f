import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addPruneOptions, type PruneCommandOptions, pruneOpened } from '../prune-repositories.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../with-repository.ts';

/** Removes the data of a repository that no snapshot needs any more. */
export async function prune(options: PruneCommandOptions & RepositoryOptions, context: CliContext): Promise<void> {
  await withRepository(options, context, (opened) => pruneOpened(opened, options, context));
}

export function definePrune(command: Command): Command {
  return addPruneOptions(addVaultOption(command))
    .description('remove the data of a repository that no snapshot needs any more')
    .option('-n, --dry-run', 'only say what would be removed');
}
