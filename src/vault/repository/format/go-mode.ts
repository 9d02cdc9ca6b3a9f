import type { EntryType } from '../../../source/index.ts';
import type { NodeType } from './tree-node.ts';

/** Go's os.FileMode: the nine permission bits are those of Unix, everything else has a bit of its own. */
const setuid = 2 ** 23;
const setgid = 2 ** 22;
const sticky = 2 ** 20;

interface Kind {
  readonly type: NodeType;
  /** The bits of Go's mode that say what a node is. */
  readonly bits: number;
}

/** How the types of entries are told in a tree. */
export const kindOf: Readonly<Record<EntryType, Kind>> = {
  file: { type: 'file', bits: 0 },
  directory: { type: 'dir', bits: 2 ** 31 },
  symlink: { type: 'symlink', bits: 2 ** 27 },
  blockdev: { type: 'dev', bits: 2 ** 26 },
  chardev: { type: 'chardev', bits: 2 ** 26 + 2 ** 21 },
  fifo: { type: 'fifo', bits: 2 ** 25 },
};

const typeOf = new Map(Object.entries(kindOf).map(([type, kind]) => [kind.type, type as EntryType]));

/** The entry's type for a node's, or undefined for what no source has: sockets and types of a newer program. */
export const entryTypeOf = (type: NodeType): EntryType | undefined => typeOf.get(type);

/** Go's mode for an entry's type and its permissions (0 to 0o7777). */
export function toGoMode(type: EntryType, mode: number): number {
  let goMode = kindOf[type].bits + (mode & 0o777);
  if (mode & 0o4000) goMode += setuid;
  if (mode & 0o2000) goMode += setgid;
  if (mode & 0o1000) goMode += sticky;
  return goMode;
}

/** The permissions in Go's mode, with setuid, setgid and sticky: 0 to 0o7777. */
export function fromGoMode(goMode: number): number {
  const special = (goMode & setuid ? 0o4000 : 0) | (goMode & setgid ? 0o2000 : 0) | (goMode & sticky ? 0o1000 : 0);
  return (goMode & 0o777) | special;
}
