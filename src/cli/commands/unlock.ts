import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../with-repository.ts';

export interface UnlockOptions extends RepositoryOptions {
  readonly removeAll?: boolean;
}

/** Removes the locks of programs that have died, or all. */
export async function unlock(options: UnlockOptions, context: CliContext): Promise<void> {
  const { output, host, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const removed = await library.unlockRepository(repository, { host, all: options.removeAll ?? false, signal });
    output.document({ type: 'unlocked', removed });
    output.line(`${removed} lock(s) removed`);
  });
}

export function defineUnlock(command: Command): Command {
  return addVaultOption(command)
    .description('remove the locks that programs which have died left in a repository')
    .option('--remove-all', 'remove every lock: only when nobody else is at work');
}
