import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { addVaultOption, ownerOf, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

/** Makes a snapshot of what no snapshot has any more and no prune has removed yet. */
async function recover(options: RepositoryOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const onUnreadable = (what: string, why: string): void => {
      output.note(`${what} is left out: ${why}`);
      context.setExitStatus(exitStatus.partial);
    };
    const recovery = await library.recoverTrees(repository, { ...ownerOf(context), signal, onUnreadable });
    const { trees, snapshot } = recovery;
    output.document({ type: 'recovered', ...recovery });
    output.done(
      snapshot === undefined
        ? 'nothing was found that no snapshot has'
        : `${trees.length} folder(s) that no snapshot had are in the snapshot ${snapshot.slice(0, 8)}`,
    );
  });
}

export const recoverCommand: CommandWork = { define: addVaultOption, run: recover };
