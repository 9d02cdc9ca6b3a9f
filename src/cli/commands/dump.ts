import type { Command } from 'commander';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../one-restore-point.ts';
import { dumpFile } from '../../engine/index.ts';

/** Writes one file's bytes to stdout. They have all been checked when the exit status is 0, not before. */
async function dump(id: string, path: string | undefined, options: PointOptions, context: CliContext): Promise<void> {
  await withRestorePoint(id, options, context, async ({ vault, point }) => {
    for await (const chunk of dumpFile(vault, point, path, context.signal)) await context.output.bytes(chunk);
  });
}

function defineDump(command: Command): Command {
  return addPointOptions(command).argument(
    '[path]',
    'the file; may be left out when the restore point holds just one (a database dump)',
  );
}

export const dumpCommand: CommandWork = { define: defineDump, run: dump };
