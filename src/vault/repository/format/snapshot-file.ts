import { goString } from './go-json.ts';
import { formatTime, parseTime, zeroTimeNs, zoneOf } from './go-time.ts';
import { jsonMembers } from './json-members.ts';
import {
  asArray,
  asId,
  asNumber,
  asObject,
  asString,
  type JsonObject,
  jsonText,
  maxUint32,
  optional,
  parseObject,
} from './read-json.ts';
import { insertUnknown, type UnknownField, unknownFields } from './unknown-fields.ts';

/** What a backup did; restic writes it since 0.17. */
export interface SnapshotSummary {
  readonly backupStartNs: bigint;
  readonly backupEndNs: bigint;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Bytes added to the repository: contents, then what they take there. */
  readonly dataAdded: number;
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
}

/** One restore point. All but time, tree and paths may be missing. */
export interface Snapshot {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** The offset that the time is written with; "Z" when missing. */
  readonly zone?: string;
  /** The snapshot that this one was compared with. */
  readonly parent?: string;
  readonly tree: string;
  readonly paths: readonly string[];
  readonly hostname?: string;
  readonly username?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly excludes?: readonly string[];
  readonly tags?: readonly string[];
  /** The snapshot that this one was changed from (tags, paths left out). */
  readonly original?: string;
  readonly programVersion?: string;
  readonly summary?: SnapshotSummary;
  /** The `after` of these may be "summary": what follows it. */
  readonly unknown?: readonly UnknownField[];
}

const countFields = {
  filesNew: 'files_new',
  filesChanged: 'files_changed',
  filesUnmodified: 'files_unmodified',
  dirsNew: 'dirs_new',
  dirsChanged: 'dirs_changed',
  dirsUnmodified: 'dirs_unmodified',
  dataBlobs: 'data_blobs',
  treeBlobs: 'tree_blobs',
  dataAdded: 'data_added',
  dataAddedPacked: 'data_added_packed',
  totalFilesProcessed: 'total_files_processed',
  totalBytesProcessed: 'total_bytes_processed',
} as const;

type Counts = Record<keyof typeof countFields, number>;

const fieldOrder =
  'time parent tree paths hostname username uid gid excludes tags original program_version summary'.split(' ');
const known = new Set(fieldOrder);

const listJson = (texts: readonly string[]): string => `[${texts.map(goString).join(',')}]`;

function encodeSummary(summary: SnapshotSummary): string {
  const counts = Object.entries(countFields).map(([key, field]) => `"${field}":${summary[key as keyof Counts]}`);
  const times = `"backup_start":"${formatTime(summary.backupStartNs)}","backup_end":"${formatTime(summary.backupEndNs)}"`;
  return `{${times},${counts.join(',')}}`;
}

/** The JSON of a snapshot in restic's order of the fields; what is empty or 0 is left out where restic does. */
export function encodeSnapshot(snapshot: Snapshot): string {
  const { parent, hostname, username, uid, gid, excludes, tags, original, programVersion, summary } = snapshot;
  const fields = [
    `"time":"${formatTime(snapshot.timeNs, snapshot.zone)}"`,
    parent !== undefined && `"parent":"${parent}"`,
    `"tree":"${snapshot.tree}"`,
    `"paths":${listJson(snapshot.paths)}`,
    hostname && `"hostname":${goString(hostname)}`,
    username && `"username":${goString(username)}`,
    uid && `"uid":${uid}`,
    gid && `"gid":${gid}`,
    excludes?.length && `"excludes":${listJson(excludes)}`,
    tags?.length && `"tags":${listJson(tags)}`,
    original !== undefined && `"original":"${original}"`,
    programVersion && `"program_version":${goString(programVersion)}`,
    summary && `"summary":${encodeSummary(summary)}`,
  ];
  const json = `{${fields.filter(Boolean).join(',')}}`;
  return snapshot.unknown === undefined ? json : insertUnknown(json, snapshot.unknown, fieldOrder);
}

const what = 'A snapshot';

const asTexts = (value: unknown): readonly string[] => asArray(value, what).map((text) => asString(text, what));

function readSummary(value: unknown): SnapshotSummary {
  const raw = asObject(value, what);
  const time = (field: string): bigint => {
    const text = optional(raw[field], what, asString);
    return text === undefined ? zeroTimeNs : parseTime(text);
  };
  const counts = Object.entries(countFields).map(([key, field]) => [key, optional(raw[field], what, asNumber) ?? 0]);
  return {
    backupStartNs: time('backup_start'),
    backupEndNs: time('backup_end'),
    ...(Object.fromEntries(counts) as Counts),
  };
}

const asOwner = (value: unknown): number => asNumber(value, what, maxUint32);

/** The optional fields that are there. */
function readOptional(raw: JsonObject): Partial<Snapshot> {
  const fields = {
    parent: optional(raw['parent'], what, asId),
    hostname: optional(raw['hostname'], what, asString),
    username: optional(raw['username'], what, asString),
    uid: optional(raw['uid'], what, asOwner),
    gid: optional(raw['gid'], what, asOwner),
    excludes: optional(raw['excludes'], what, asTexts),
    tags: optional(raw['tags'], what, asTexts),
    original: optional(raw['original'], what, asId),
    programVersion: optional(raw['program_version'], what, asString),
    summary: optional(raw['summary'], what, readSummary),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Throws vault/corrupt. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const text = jsonText(bytes, what);
  const raw = parseObject(text, what);
  const time = asString(raw['time'], what);
  const zone = zoneOf(time);
  const unknown = unknownFields(jsonMembers(text), known);
  return {
    timeNs: parseTime(time),
    ...(zone !== 'Z' && { zone }),
    tree: asId(raw['tree'], what),
    paths: asTexts(raw['paths']),
    ...readOptional(raw),
    ...(unknown.length > 0 && { unknown }),
  };
}
