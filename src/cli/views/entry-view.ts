import type { SourceEntry } from '../../source/index.ts';
import { visible } from './table.ts';

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

/** An entry for people under the name that is given: mode, owner, size, time, name, and what it is a link to. */
export function entryLine(entry: SourceEntry, name: string): string {
  const target = entry.linkTarget ?? entry.hardLinkTo;
  const arrow = target === undefined ? '' : ` ${entry.linkTarget ? '->' : 'link to'} ${visible(target.toString())}`;
  const owner = `${entry.user ?? entry.uid} ${entry.group ?? entry.gid}`;
  return `${formatMode(entry.type, entry.mode)} ${owner} ${String(entry.sizeBytes ?? '').padStart(12)} ${formatMtime(entry.mtimeNs)} ${visible(name)}${arrow}`;
}

/** What `ls --json` and `find --json` say of an entry beside its path. */
export function entryFacts(entry: SourceEntry): Record<string, unknown> {
  return {
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeNs: entry.mtimeNs,
    sizeBytes: entry.sizeBytes ?? null,
    linkTarget: entry.linkTarget?.toString(),
    hardLinkTo: entry.hardLinkTo?.toString(),
  };
}
