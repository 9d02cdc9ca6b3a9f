import type { Command } from 'commander';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

export interface UnlockOptions extends RepositoryOptions {
  readonly removeAll?: boolean;
}

/** Removes the locks of programs that have died, or all. */
async function unlock(options: UnlockOptions, context: CliContext): Promise<void> {
  const { output, host, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const removed = await library.unlockRepository(repository, { host, all: options.removeAll ?? false, signal });
    output.document({ type: 'unlocked', removed });
    output.done(`${removed} lock(s) removed`);
  });
}

function defineUnlock(command: Command): Command {
  return addVaultOption(command).option('--remove-all', 'remove every lock: only when nobody else is at work');
}

export const unlockCommand: CommandWork = { define: defineUnlock, run: unlock };
