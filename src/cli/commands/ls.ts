import type { Command } from 'commander';
import type { SourceEntry } from '../../source/index.ts';
import { saidRepository } from '../chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { addPointOptions, withRestorePoint, type PointOptions } from '../one-restore-point.ts';
import { visible } from '../table.ts';

const typeLetters: Readonly<Record<SourceEntry['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  chardev: 'c',
  blockdev: 'b',
};

/** "drwxr-xr-x", with s, S, t and T as ls writes them. */
export function formatMode(type: SourceEntry['type'], mode: number): string {
  const triple = (shift: number, special: number, letter: string): string => {
    const bits = (mode >> shift) & 7;
    const last = mode & special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return `${typeLetters[type]}${triple(6, 0o4000, 's')}${triple(3, 0o2000, 's')}${triple(0, 0o1000, 't')}`;
}

/** The time in UTC with seconds; years that dates can't show come as seconds since 1970. */
function formatMtime(mtimeNs: bigint): string {
  const milliseconds = Number(mtimeNs / 1_000_000n);
  const day =
    Math.abs(milliseconds) < 8.64e15
      ? new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' })
      : undefined;
  return day ? day.format(milliseconds) : String(mtimeNs / 1_000_000_000n);
}

function isWithin(path: Buffer, folder: Buffer): boolean {
  if (folder.length === 0 || path.equals(folder)) return true;
  return path.length > folder.length && path[folder.length] === 0x2f && path.subarray(0, folder.length).equals(folder);
}

function entryLine(entry: SourceEntry): string {
  const name = visible(entry.path.length === 0 ? '.' : entry.path.toString());
  const target = entry.linkTarget ?? entry.hardLinkTo;
  const arrow = target === undefined ? '' : ` ${entry.linkTarget ? '->' : 'link to'} ${visible(target.toString())}`;
  const owner = `${entry.user ?? entry.uid} ${entry.group ?? entry.gid}`;
  return `${formatMode(entry.type, entry.mode)} ${owner} ${String(entry.sizeBytes ?? '').padStart(12)} ${formatMtime(entry.mtimeNs)} ${name}${arrow}`;
}

function entryDocument(entry: SourceEntry): Record<string, unknown> {
  const path = entry.path.toString();
  const exact = Buffer.from(path).equals(entry.path);
  return {
    type: entry.type,
    path,
    ...(exact ? {} : { pathBase64: entry.path.toString('base64') }),
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeNs: entry.mtimeNs,
    sizeBytes: entry.sizeBytes ?? null,
    linkTarget: entry.linkTarget?.toString(),
    hardLinkTo: entry.hardLinkTo?.toString(),
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
      if (long) context.output.line(entryLine(entry));
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
