import type { Command } from 'commander';
import { formatBytes } from '../../base/bytes.ts';
import { chosenSnapshots } from '../vaults/chosen-snapshots.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../views/table.ts';
import { addVaultOption, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

export interface DiffOptions extends RepositoryOptions {
  readonly metadata?: boolean;
}

/** Prints what differs between two snapshots: "+" added, "-" removed, "M" other content, "T" another type, "U" other metadata. */
async function diff(first: string, second: string, options: DiffOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async (opened) => {
    const treeOf = async (id: string): Promise<string> =>
      (await chosenSnapshots(opened, [id], { options: {}, context }))[0]?.snapshot.tree ?? id;
    const report = await opened.library.diffSnapshots(opened.repository, [await treeOf(first), await treeOf(second)], {
      metadata: options.metadata ?? false,
      signal,
      onChange: ({ path, modifier }) => {
        output.document({ type: 'change', path, modifier });
        output.line(`${modifier.padEnd(4)} ${visible(path)}`);
      },
    });
    output.document({ type: 'statistics', ...report });
    const { changedFiles, added, removed } = report;
    output.line();
    output.line(`Files:  ${added.files} new, ${removed.files} removed, ${changedFiles} changed`);
    output.line(`Dirs:   ${added.dirs} new, ${removed.dirs} removed`);
    output.line(`Others: ${added.others} new, ${removed.others} removed`);
    output.line(`Added:  ${formatBytes(added.bytes)}, removed: ${formatBytes(removed.bytes)}`);
  });
}

const defineDiff = (command: Command): Command =>
  addVaultOption(command)
    .argument('<id>', 'the first snapshot')
    .argument('<other>', 'the second')
    .option('--metadata', 'also what differs in nothing but its metadata');

export const diffCommand: CommandWork = { define: defineDiff, run: diff, shows: true };
