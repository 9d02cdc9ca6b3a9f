import type { Command } from 'commander';
import type { SourceEntry } from '../../source/index.ts';
import { saidRepository } from '../chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { entryFacts, entryLine } from '../entry-view.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../one-restore-point.ts';
import { visible } from '../table.ts';

function isWithin(path: Buffer, folder: Buffer): boolean {
  if (folder.length === 0 || path.equals(folder)) return true;
  return path.length > folder.length && path[folder.length] === 0x2f && path.subarray(0, folder.length).equals(folder);
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
}

/** Prints the contents of a restore point, or of one folder in it, a line each; with --json one document a line. */
async function ls(id: string, path: string | undefined, options: LsOptions, context: CliContext): Promise<void> {
  // What comes out of a repository that is named is for scripts written for restic.
  const long = options.long === true || (await saidRepository(context))?.byOption !== true;
  const folder = Buffer.from((path ?? '').replace(/^\.?\/+|\/+$/g, ''));
  await withRestorePoint(id, options, context, async ({ vault, point }) => {
    for await (const entry of vault.read(point, context.signal)) {
      if (!isWithin(entry.path, folder)) continue;
      context.output.document(entryDocument(entry));
      if (long) context.output.line(entryLine(entry, entry.path.length === 0 ? '.' : entry.path.toString()));
      else if (entry.path.length > 0) context.output.line(visible(`/${entry.path.toString()}`));
    }
  });
}

function defineLs(command: Command): Command {
  return addPointOptions(command)
    .argument('[path]', 'only this folder or file in it')
    .option('-l, --long', 'with mode, owner, size and time: so in any case but with --repo');
}

export const lsCommand: CommandWork = { define: defineLs, run: ls };
