import type { Command } from 'commander';
import { formatBytes, MiB } from '../../base/bytes.ts';
import { chosenSnapshots } from '../vaults/chosen-snapshots.ts';
import { packingOptions } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterOptions } from '../arguments/snapshot-filter.ts';
import { isLockless } from '../global-options.ts';
import {
  addSourceRepositoryOptions,
  sourceRepository,
  type SourceRepositoryOptions,
} from '../vaults/source-repository.ts';
import { addVaultOption, openUse, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

export type CopyOptions = RepositoryOptions & FilterOptions & SourceRepositoryOptions;

const levels = { auto: 3, max: 15, off: undefined } as const;

/** Copies snapshots of another repository into this one; what is there already is passed over. */
async function copy(ids: readonly string[], options: CopyOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  const source = await sourceRepository(options, context);
  const { compression = 'auto', packSizeMiB = 16 } = packingOptions(context);
  await withRepository(options, context, (to) =>
    openUse(source, context, async (from) => {
      const snapshots = await chosenSnapshots(from, ids, { options, context });
      const report = await to.library.copySnapshots(from.repository, to.repository, snapshots, {
        packSizeBytes: packSizeMiB * MiB,
        compressionLevel: levels[compression],
        signal,
        lockless: isLockless(context),
        onSnapshot: ({ id }, toId, wasThere) =>
          output.done(`${id.slice(0, 8)} ${wasThere ? 'was there already as' : 'copied to'} ${toId.slice(0, 8)}`),
      });
      output.document({ type: 'copied', ...report });
      output.note(`${report.copied} copied, ${report.skipped} were there, ${formatBytes(report.bytes)} added`);
    }),
  );
}

const defineCopy = (command: Command): Command =>
  addSourceRepositoryOptions(addFilterOptions(addVaultOption(command))).argument(
    '[id...]',
    'the snapshots there; all that the options pick when left out',
  );

export const copyCommand: CommandWork = { define: defineCopy, run: copy };
