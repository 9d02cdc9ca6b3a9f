import { Option, type Command } from 'commander';
import { hasCode } from '../../base/errors.ts';
import { dumpFile, dumpFolder, type FolderFormat } from '../../engine/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../vaults/one-restore-point.ts';

export interface DumpOptions extends PointOptions {
  readonly archive?: FolderFormat;
}

/** Writes one file's bytes, or a folder as a tar or zip, to stdout. They have all been checked when the exit status is 0, not before. */
async function dump(id: string, path: string | undefined, options: DumpOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  const { archive: format = 'tar' } = options;
  await withRestorePoint(id, options, context, async ({ vault, point }) => {
    try {
      for await (const chunk of dumpFile(vault, point, path, signal)) await output.bytes(chunk);
    } catch (error) {
      if (path === undefined || !hasCode(error, 'vault/is-a-folder')) throw error;
      await dumpFolder(vault, point, path, { format, write: (bytes) => output.bytes(bytes), signal });
    }
  });
}

function defineDump(command: Command): Command {
  return addPointOptions(command)
    .argument('[path]', 'the file, or the folder ("/" is all); may be left out when the restore point holds one file')
    .addOption(new Option('-a, --archive <format>', 'what comes of a folder (default: tar)').choices(['tar', 'zip']));
}

export const dumpCommand: CommandWork = { define: defineDump, run: dump, shows: true };
