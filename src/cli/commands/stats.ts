import { Option, type Command } from 'commander';
import { formatBytes } from '../../base/bytes.ts';
import { chosenSnapshots } from '../vaults/chosen-snapshots.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterOptions } from '../arguments/snapshot-filter.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

const modes = ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'] as const;

export interface StatsOptions extends RepositoryOptions, FilterOptions {
  readonly mode: (typeof modes)[number];
}

/** Counts what the snapshots of a repository hold, in one of four ways. */
async function stats(ids: readonly string[], options: StatsOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  const { mode } = options;
  await withRepository(options, context, async (opened) => {
    const snapshots = await chosenSnapshots(opened, ids, { options, context });
    const counted = await opened.library.repositoryStats(opened.repository, snapshots, { mode, signal });
    output.document({ mode, ...counted });
    output.line(`mode        ${mode}`);
    output.line(`snapshots   ${counted.snapshots}`);
    if (counted.files > 0) output.line(`files       ${counted.files}`);
    if (counted.blobs > 0) output.line(`blobs       ${counted.blobs}`);
    output.line(`size        ${formatBytes(counted.sizeBytes)}`);
    if (mode === 'raw-data') output.line(`plain size  ${formatBytes(counted.uncompressedBytes)}`);
  });
}

const defineStats = (command: Command): Command =>
  addFilterOptions(addVaultOption(command))
    .argument('[id...]', 'the snapshots; all that the options pick when left out')
    .addOption(
      new Option('--mode <mode>', 'what is counted: bytes that a restore writes, files by content, blobs, or packs')
        .choices(modes)
        .default('restore-size'),
    );

export const statsCommand: CommandWork = { define: defineStats, run: stats, shows: true };
