import { Option, type Command } from 'commander';
import { hasCode } from '../../base/errors.ts';
import { dumpFile, dumpFolder } from '../../engine/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../vaults/one-restore-point.ts';

/** Writes one file's bytes, or a folder as a tar, to stdout. They have all been checked when the exit status is 0, not before. */
async function dump(id: string, path: string | undefined, options: PointOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRestorePoint(id, options, context, async ({ vault, point }) => {
    try {
      for await (const chunk of dumpFile(vault, point, path, signal)) await output.bytes(chunk);
    } catch (error) {
      if (path === undefined || !hasCode(error, 'vault/is-a-folder')) throw error;
      await dumpFolder(vault, point, path, { write: (bytes) => output.bytes(bytes), signal });
    }
  });
}

function defineDump(command: Command): Command {
  return addPointOptions(command)
    .argument('[path]', 'the file, or the folder ("/" is all); may be left out when the restore point holds one file')
    .addOption(new Option('-a, --archive <format>', 'what comes of a folder (default: tar)').choices(['tar']));
}

export const dumpCommand: CommandWork = { define: defineDump, run: dump, shows: true };
