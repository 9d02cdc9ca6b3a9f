import type { HoldfastError } from '../base/errors.ts';
import type { KnownFile } from '../base/known-file.ts';
import type { Logger } from '../base/log.ts';

export type EntryType = 'file' | 'directory' | 'symlink' | 'fifo' | 'chardev' | 'blockdev';

export interface ExtendedAttribute {
  readonly name: string;
  readonly value: Uint8Array;
}

/** A run of bytes that is really stored; what lies between two runs of a sparse file is a hole and reads as zeros. */
export interface DataRun {
  readonly offset: number;
  readonly length: number;
}

/**
 * One file, directory or other node of a source, or of a restore point: both speak of their contents in this form.
 * Names are bytes, as the file system has them.
 */
export interface SourceEntry {
  /** Relative to the source's root, segments split by "/", no leading slash; empty for the root itself. */
  readonly path: Buffer;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  /** Nanoseconds since 1970, negative before. */
  readonly mtimeNs: bigint;
  readonly ctimeNs?: bigint;
  /** When it was last read; only where that is asked for, or was kept. */
  readonly atimeNs?: bigint;
  readonly inode?: bigint;
  /** The device that the entry is on; with `inode`, what tells a file from another. */
  readonly deviceId?: bigint;
  /** The number of hard links. */
  readonly links?: number;
  /** The size of a file; undefined while unknown (a stream whose end nobody knows). */
  readonly sizeBytes?: number;
  /** Where a symlink points. */
  readonly linkTarget?: Buffer;
  /** Set on the second and later names of one file: the path of the first. Such an entry has no content of its own. */
  readonly hardLinkTo?: Buffer;
  /** Of a chardev or blockdev: the number that mknod takes, as major and minor. */
  readonly device?: { readonly major: number; readonly minor: number };
  readonly extendedAttributes?: readonly ExtendedAttribute[];
  /** Of a sparse file: the runs that hold data, ascending. Undefined means dense. */
  readonly dataRuns?: readonly DataRun[];
  /**
   * Of a directory that could not be read: the entry stands for all that is below it, and has no facts of its own. Whoever
   * has it from before keeps that.
   */
  readonly unread?: true;
  /**
   * Of a file of which nothing was needed: its extended attributes and its content were not read. Whoever said so takes
   * them from what it has.
   */
  readonly asBefore?: true;
  /** All of a small file's content, where it was read already; valid until the next entry is taken. `open` gives the same. */
  readonly content?: Uint8Array;
  /** Set, in the place of `content` and `open`, where whoever asked for it reads a small file by itself. */
  readonly inPlace?: FileInPlace;
  /**
   * The content of a file from its first byte (holes included, as zeros). Call it at most once, and before the next
   * entry is taken. When sizeBytes is known, exactly so many bytes come: a file that shrank is filled up with zeros, one
   * that grew is cut, and both are told to `onProblem`. Throws a HoldfastError when the content can't be had. A chunk's
   * bytes stay as they are only until the next one is asked for: its memory is used again.
   */
  open?(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A small file that is to be read where it is: by readKnownFile, in any thread and at any time. */
export interface FileInPlace extends KnownFile {
  /**
   * For a file that is no longer as it is known: reads it as it is now, and gives that to `use` as an entry with its
   * content, unless it is gone or can't be read, which is told to `onProblem`. Call it while no other entry is being taken.
   */
  again(use: (entry: SourceEntry) => Promise<void>): Promise<void>;
}

/** Something that kept the restore point from being the whole truth. Reported, never fatal, never silent. */
export interface Problem {
  /** For people; bytes that are not UTF-8 are shown escaped. */
  readonly path: string;
  readonly kind: 'unreadable' | 'vanished' | 'shrank' | 'grew' | 'changed' | 'unsupported' | 'not-stored';
  readonly message: string;
}

/** Problems that still leave the item in the restore point as it was at one moment; the others make a run partial. */
export const harmlessProblems: ReadonlySet<Problem['kind']> = new Set(['grew', 'changed', 'unsupported']);

/** Facts about what was read that a restore point keeps: known when the reading has ended. */
export interface SourceDetails {
  /** PostgreSQL: the server's version, such as "15.18". */
  readonly serverVersion?: string;
  /** The programs that took part: { "pg_dump": "15.18" }. */
  readonly toolVersions?: Readonly<Record<string, string>>;
  /** PostgreSQL: rows per table in the snapshot that was dumped, keyed by "schema.table", each part quoted if needed. */
  readonly rowCounts?: Readonly<Record<string, number>>;
  /** What a reader of the restore point should know ("sequences are not transactional"). */
  readonly notes?: readonly string[];
}

/** What tells whether a file has changed, without reading it. */
export type FileState = Pick<
  SourceEntry,
  'path' | 'mtimeNs' | 'ctimeNs' | 'atimeNs' | 'inode' | 'deviceId' | 'sizeBytes' | 'user' | 'group'
>;

/**
 * What is needed of a file: its content, or `in-place` its content, which whoever needs it would rather read where it is,
 * if it is a small one; all but that; or nothing, since it is known as it is now. Nobody can change a file's metadata or
 * attributes without changing its ctime, so where inode, ctime, mtime and size are those of a file that is known, all is.
 */
export type Need = 'content' | 'in-place' | 'facts' | 'nothing';

/** Says what is needed of a file: at once where it can, as each file is asked for. */
export type Needs = (file: FileState) => Need | Promise<Need>;

/** What is needed by any of several: what they all read is read once. */
export function strongestNeed(needs: readonly Need[]): Need {
  if (needs.includes('content') || needs.includes('in-place')) return 'content';
  return needs.includes('facts') ? 'facts' : 'nothing';
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  readonly onProblem: (problem: Problem) => void;
  readonly logger: Logger;
  /**
   * When given, a source may ask it for files, in the order of the entries but ahead of them, before it reads more than
   * their state; one whose content is not needed may come without `open`, one that is wanted so `inPlace`, and one of
   * which nothing is needed `asBefore`. A source that is no tree of files need not ask.
   */
  readonly needs?: Needs;
}

/** One reading of a source. */
export interface SourceReading {
  /**
   * The entries: a directory before what is in it; names within a directory in ascending byte order. Throws when the
   * source as a whole can't be read to its end: what was read until then must not become a restore point.
   */
  readonly entries: AsyncIterable<SourceEntry>;
  /** Available once `entries` has ended without throwing. */
  details(): SourceDetails;
}

export interface SourceEstimate {
  readonly files: number;
  readonly bytes: number;
}

/** Where a tree stands in its file system. */
export interface SourceRoot {
  /** Absolute; symlinks on the way are resolved. */
  readonly path: Buffer;
  /** The folders between "/" and the root, from the uppermost down: their metadata, with their path below "/"; undefined when unknown. */
  readonly above?: readonly SourceEntry[];
}

export type SourceType = 'directory' | 'postgres' | 'command';

/**
 * One thing that is backed up: it becomes one restore point per run and vault. A source knows no vault.
 * `shape` says what its entries are: a tree with its root first, or exactly one file (a dump).
 */
export interface Source {
  readonly type: SourceType;
  /** Unique within a job: a directory's or a database's name. */
  readonly name: string;
  readonly shape: 'tree' | 'file';
  /** For people and for `list`: absolute paths, or "host:port/database". Holds no secret. */
  readonly paths: readonly string[];
  /** Of a tree of files. */
  readonly root?: SourceRoot;
  /** Why parts of it can't be read; reading tells each as a problem, and reads the others. */
  readonly absent?: readonly HoldfastError[];
  /** How much there is to read, for progress; undefined when that can't be told cheaply. */
  estimate?(signal: AbortSignal): Promise<SourceEstimate | undefined>;
  /** Begins to read. Each call is a reading of its own. */
  read(options: ReadOptions): SourceReading;
}
