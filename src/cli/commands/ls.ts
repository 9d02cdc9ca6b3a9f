import type { Command } from 'commander';
import type { SourceEntry } from '../../source/index.ts';
import { saidRepository } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { entryFacts, entryLine } from '../views/entry-view.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../vaults/one-restore-point.ts';
import { visible } from '../views/table.ts';

const slash = 0x2f;

/** How many names a path has below a folder: 0 for the folder itself, undefined for what is not in it. */
function depthBelow(path: Buffer, folder: Buffer): number | undefined {
  if (path.equals(folder)) return 0;
  const isRoot = folder.length === 0;
  if (!isRoot && (path[folder.length] !== slash || !path.subarray(0, folder.length).equals(folder))) return undefined;
  const rest = isRoot ? path : path.subarray(folder.length + 1);
  return rest.reduce((count, byte) => (byte === slash ? count + 1 : count), 1);
}

function entryDocument(entry: SourceEntry): Record<string, unknown> {
  const path = entry.path.toString();
  const exact = Buffer.from(path).equals(entry.path);
  return {
    type: entry.type,
    path,
    ...(exact ? {} : { pathBase64: entry.path.toString('base64') }),
    ...entryFacts(entry),
  };
}

export interface LsOptions extends PointOptions {
  readonly long?: boolean;
  readonly recursive?: boolean;
}

/** Prints the contents of a restore point, or of some folders in it, a line each; with --json one document a line. */
async function ls(id: string, paths: readonly string[], options: LsOptions, context: CliContext): Promise<void> {
  // What comes out of a repository that is named is for scripts written for restic.
  const restics = (await saidRepository(context))?.byOption === true;
  const long = options.long === true || !restics;
  const depth = restics && options.recursive !== true && paths.length > 0 ? 1 : Number.POSITIVE_INFINITY;
  const folders = (paths.length > 0 ? paths : ['']).map((path) => Buffer.from(path.replaceAll(/^\.?\/+|\/+$/g, '')));
  await withRestorePoint(id, options, context, async ({ vault, point }) => {
    for await (const entry of vault.read(point, context.signal)) {
      const { path } = entry;
      if (!folders.some((folder) => (depthBelow(path, folder) ?? Number.NaN) <= depth)) continue;
      context.output.document(entryDocument(entry));
      if (long) context.output.line(entryLine(entry, path.length === 0 ? '.' : path.toString()));
      else if (path.length > 0) context.output.line(visible(`/${path.toString()}`));
    }
  });
}

function defineLs(command: Command): Command {
  return addPointOptions(command)
    .argument('[path...]', 'only these folders or files in it')
    .option('-l, --long', 'with mode, owner, size and time: so in any case but with --repo')
    .option('--recursive', 'of folders that are named all that is below: so in any case but with --repo');
}

export const lsCommand: CommandWork = { define: defineLs, run: ls, shows: true };
