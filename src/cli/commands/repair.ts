import type { Command } from 'commander';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

export interface RepairIndexOptions extends RepositoryOptions {
  readonly readAllPacks?: boolean;
}

/** Makes an index that names the packs that are there, and no others. */
async function repairIndex(options: RepairIndexOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const repaired = await library.repairIndex(repository, { readAllPacks: options.readAllPacks ?? false, signal });
    const { unreadableIndexes, added, forgotten, unreadablePacks, damagedPacks } = repaired;
    output.document({ type: 'index-repaired', ...repaired });
    for (const { id, why } of unreadablePacks) output.note(`the pack ${id} stays out of the index: ${why}`);
    for (const { id, why } of damagedPacks)
      output.note(`the pack ${id} is damaged; "holdfast repair packs ${id}" saves what is left of it: ${why}`);
    const isPartial = unreadablePacks.length + damagedPacks.length > 0;
    output[isPartial ? 'line' : 'done'](
      `${added} packs added to the index, ${forgotten.length} that are gone left out, ${unreadableIndexes} index files that could not be read replaced`,
    );
    if (isPartial) context.setExitStatus(exitStatus.partial);
  });
}

/** Saves what can be read of damaged packs, and removes them. */
async function repairPacks(ids: readonly string[], options: RepositoryOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const repaired = await library.repairPacks(repository, ids, {
      signal,
      onLost: ({ type, id, packId, why }) => output.note(`lost: the ${type} blob ${id} of the pack ${packId}: ${why}`),
    });
    output.document({ type: 'packs-repaired', ...repaired });
    for (const id of repaired.unreadablePacks)
      output.note(`the pack ${id} is left as it is: no index names it, and its header can not be read`);
    const left = repaired.unreadablePacks.length > 0 ? `, ${repaired.unreadablePacks.length} packs left` : '';
    const isPartial = repaired.lostBlobs + repaired.unreadablePacks.length > 0;
    output[isPartial ? 'line' : 'done'](`${repaired.savedBlobs} blobs saved, ${repaired.lostBlobs} lost${left}`);
    if (isPartial) context.setExitStatus(exitStatus.partial);
  });
}

function defineRepairIndex(command: Command): Command {
  return addVaultOption(command).option('--read-all-packs', 'believe nothing of the present index');
}

function defineRepairPacks(command: Command): Command {
  return addVaultOption(command).argument('<id...>', 'the packs, as "holdfast check" names them');
}

export const repairIndexCommand: CommandWork = { define: defineRepairIndex, run: repairIndex };
export const repairPacksCommand: CommandWork = { define: defineRepairPacks, run: repairPacks };
