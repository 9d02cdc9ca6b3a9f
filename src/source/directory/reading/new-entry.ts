import { splitDevice } from '../../device-number.ts';
import type { EntryType, SourceEntry } from '../../source.ts';
import type { FileStats } from '../file-stats.ts';
import type { OwnerNames } from '../owner-names.ts';

/** An entry to which more is added as it becomes known: spreading one costs more than reading the node. */
export type EntryDraft = { -readonly [Field in keyof SourceEntry]: SourceEntry[Field] };

/** What `stats` tell of a node that is no socket, as an entry. */
export function newEntry(path: Buffer, stats: FileStats, owners: OwnerNames): EntryDraft {
  const { uid, gid } = stats;
  const type = stats.type as EntryType;
  const entry: EntryDraft = {
    path,
    type,
    mode: stats.mode,
    uid,
    gid,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.inode,
    deviceId: stats.deviceId,
    links: stats.links,
  };
  const user = owners.user(uid);
  const group = owners.group(gid);
  if (user !== undefined) entry.user = user;
  if (group !== undefined) entry.group = group;
  if (type === 'file') entry.sizeBytes = stats.sizeBytes;
  else if (type === 'chardev' || type === 'blockdev') entry.device = splitDevice(stats.device);
  return entry;
}
