import type { EntryType, FileState, SourceEntry } from '../../../source/index.ts';
import { escapePath, unescapePath } from '../object-key.ts';

/**
 * What a manifest knows of one entry: a line of it, `"path":{…}`. Paths and link targets are escaped (object-key.ts),
 * numbers beyond 2^53 are text, attribute values base64.
 */
export interface ManifestRecord {
  readonly path: Buffer;
  readonly facts: RecordFacts;
}

export interface RecordFacts {
  /** A file unless given. */
  readonly type?: EntryType | undefined;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: string;
  /** Of a file that has an object: with these, mtime and size as they were, all else is too, its attributes above all. */
  readonly inode?: number | string | undefined;
  /** As the mtime unless given. */
  readonly ctimeNs?: string | undefined;
  /** Of a file that has an object: its size in bytes and the SHA-256 of its content. */
  readonly size?: number | undefined;
  readonly sha256?: string | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  readonly linkTarget?: string | undefined;
  readonly hardLinkTo?: string | undefined;
  readonly device?: readonly [major: number, minor: number] | undefined;
  readonly xattrs?: readonly (readonly [name: string, base64: string])[] | undefined;
  readonly dataRuns?: readonly (readonly [offset: number, length: number])[] | undefined;
  /** Of a file whose object has another key than its path says. */
  readonly key?: string | undefined;
}

/** What is known of a file once its content has been read. */
export interface StoredContent {
  readonly size: number;
  readonly sha256: string;
  readonly key?: string | undefined;
  readonly dataRuns?: RecordFacts['dataRuns'];
}

/** What a file's inode said when it was read; nothing where the source does not tell. */
function stateOf({ inode, ctimeNs, mtimeNs }: FileState): Pick<RecordFacts, 'inode' | 'ctimeNs'> {
  if (inode === undefined || ctimeNs === undefined) return {};
  const number = Number(inode);
  return {
    inode: Number.isSafeInteger(number) ? number : inode.toString(),
    ctimeNs: ctimeNs === mtimeNs ? undefined : ctimeNs.toString(),
  };
}

/** True when a record was made of a file in this very state, and says so: no attribute has changed since. */
export function isOfState({ facts }: ManifestRecord, file: FileState): boolean {
  const { inode, ctimeNs } = stateOf(file);
  if (inode === undefined || inode !== facts.inode || ctimeNs !== facts.ctimeNs) return false;
  return facts.user === file.user && facts.group === file.group;
}

/** An entry's own facts, and those of its content, for a file that has one. */
export function recordOf(entry: SourceEntry, content?: StoredContent): ManifestRecord {
  const { mode, uid, gid, user, group, linkTarget, hardLinkTo, device, extendedAttributes } = entry;
  return {
    path: entry.path,
    facts: {
      type: entry.type === 'file' ? undefined : entry.type,
      mtimeNs: entry.mtimeNs.toString(),
      ...(content && stateOf(entry)),
      size: content?.size,
      sha256: content?.sha256,
      mode,
      uid,
      gid,
      user,
      group,
      linkTarget: linkTarget && escapePath(linkTarget),
      hardLinkTo: hardLinkTo && escapePath(hardLinkTo),
      device: device && [device.major, device.minor],
      xattrs: extendedAttributes?.map(({ name, value }) => [name, Buffer.from(value).toString('base64')]),
      dataRuns: content?.dataRuns ?? entry.dataRuns?.map(({ offset, length }) => [offset, length]),
      key: content?.key,
    },
  };
}

/** The entry that a record describes, without a content. */
export function entryOf({ path, facts }: ManifestRecord): SourceEntry {
  const { mode, uid, gid, user, group, size, linkTarget, hardLinkTo, device, xattrs, dataRuns } = facts;
  return {
    path,
    type: facts.type ?? 'file',
    mode,
    uid,
    gid,
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    mtimeNs: BigInt(facts.mtimeNs),
    ...(size === undefined ? {} : { sizeBytes: size }),
    ...(linkTarget === undefined ? {} : { linkTarget: unescapePath(linkTarget) }),
    ...(hardLinkTo === undefined ? {} : { hardLinkTo: unescapePath(hardLinkTo) }),
    ...(device && { device: { major: device[0], minor: device[1] } }),
    ...(xattrs && {
      extendedAttributes: xattrs.map(([name, value]) => ({ name, value: Buffer.from(value, 'base64') })),
    }),
    ...(dataRuns && { dataRuns: dataRuns.map(([offset, length]) => ({ offset, length })) }),
  };
}

/** A file's record that has an object of its own. */
export interface ContentRecord extends ManifestRecord {
  readonly facts: RecordFacts & { readonly size: number; readonly sha256: string };
}

/** The record of a file with the content that was read. */
export function contentRecordOf(entry: SourceEntry, content: StoredContent): ContentRecord {
  return recordOf(entry, content) as ContentRecord;
}

export function hasContent(record: ManifestRecord | undefined): record is ContentRecord {
  return record?.facts.size !== undefined && record.facts.sha256 !== undefined;
}

/** A record as a line of JSON, without comma and newline. */
export function encodeRecord({ path, facts }: ManifestRecord): string {
  return `${JSON.stringify(escapePath(path))}:${JSON.stringify(facts)}`;
}

/** True when a record would be that of the entry too, a file of the same size and time; false also where that takes more to tell. */
export function saysTheSame({ facts }: ManifestRecord, entry: SourceEntry): boolean {
  const { mode, uid, gid, user, group } = entry;
  const hasMore = entry.extendedAttributes ?? entry.dataRuns ?? facts.xattrs ?? facts.dataRuns ?? facts.type;
  if (hasMore !== undefined) return false;
  const { inode, ctimeNs } = stateOf(entry);
  if (inode !== facts.inode || ctimeNs !== facts.ctimeNs) return false;
  const isOwned = uid === facts.uid && gid === facts.gid && user === facts.user && group === facts.group;
  return isOwned && mode === facts.mode;
}

/** Reads a line of `encodeRecord`, a comma behind it or not. Throws a SyntaxError or TypeError when it is none. */
export function decodeRecord(line: string): ManifestRecord {
  const end = line.endsWith(',') ? line.length - 1 : line.length;
  const text = line.slice(0, end);
  const { path, facts } = plainLine(text) ?? anyLine(text);
  if (path === undefined || typeof facts?.mtimeNs !== 'string' || typeof facts.mode !== 'number')
    throw new TypeError('a line is no entry');
  return { path: unescapePath(path), facts };
}

interface DecodedLine {
  readonly path: string | undefined;
  readonly facts: RecordFacts | undefined;
}

/** A line whose path has nothing that JSON escapes: an object for each, with a name of its own, would cost twice as much. */
function plainLine(line: string): DecodedLine | undefined {
  const split = line.indexOf('":{');
  if (split < 1 || line[0] !== '"') return undefined;
  const path = line.slice(1, split);
  if (path.includes('\\')) return undefined;
  return { path, facts: JSON.parse(line.slice(split + 2)) as RecordFacts };
}

function anyLine(line: string): DecodedLine {
  const object = JSON.parse(`{${line}}`) as Record<string, RecordFacts>;
  const [path] = Object.keys(object);
  return { path, facts: path === undefined ? undefined : object[path] };
}
