import type { Command } from 'commander';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addPruneOptions, type PruneCommandOptions, pruneOpened } from '../vaults/prune-repositories.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

/** Removes the data of a repository that no snapshot needs any more. */
async function prune(options: PruneCommandOptions & RepositoryOptions, context: CliContext): Promise<void> {
  await withRepository(options, context, (opened) => pruneOpened(opened, options, context));
}

function definePrune(command: Command): Command {
  return addPruneOptions(addVaultOption(command)).option('-n, --dry-run', 'only say what would be removed');
}

export const pruneCommand: CommandWork = { define: definePrune, run: prune };
