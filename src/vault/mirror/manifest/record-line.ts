import type { FileState, SourceEntry } from '../../../source/index.ts';
import { badManifest } from './manifest-format.ts';
import { comparePaths } from '../object-key.ts';
import {
  type ContentRecord,
  decodeRecord,
  encodeRecord,
  type ManifestRecord,
  type RecordFacts,
  recordOf,
  saysTheSame,
} from './record.ts';

/** The bytes of a line of a manifest, from its first quote to its last brace. */
export interface LineBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** A line of a new manifest: text, or one of the manifest before that stays as it is. */
export type Line = string | LineBytes;

const quote = 0x22;
const backslash = 0x5c;
const percent = 0x25;
const zero = 0x30;
const nine = 0x39;
const billion = 1_000_000_000n;

const behindPath = Buffer.from('":{"mtimeNs":"');
const inodeName = Buffer.from('","inode":');
const ctimeName = Buffer.from(',"ctimeNs":"');
const sizeAfterTime = Buffer.from('","size":');
const sizeAfterInode = Buffer.from(',"size":');
const digestName = Buffer.from(',"sha256":"');
const behindDigest = Buffer.from('","mode":');
const digestLength = 64;
/** Of a number that is exact. */
const mostDigits = 15;

/** The end of the line of a file that has an owner with a name, and nothing that is rare. */
function endOf(user: string, group: string): Buffer {
  return Buffer.from(`,"user":${JSON.stringify(user)},"group":${JSON.stringify(group)}}`);
}

/** Where the bytes of `text` end when they stand at `at`; -1 when they don't, or `at` is that. */
function behind(bytes: Buffer, at: number, text: Buffer): number {
  if (at < 0) return -1;
  for (let index = 0; index < text.length; index += 1) if (bytes[at + index] !== text[index]) return -1;
  return at + text.length;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= zero && byte <= nine;

/** Where a number of at most 15 digits ends when it is `value`; -1 when it is not. */
function behindNumber(bytes: Buffer, at: number, value: number): number {
  if (at < 0) return -1;
  let end = at;
  while (end < at + mostDigits && isDigit(bytes[end])) end += 1;
  return end > at && !isDigit(bytes[end]) && numberOf(bytes, at, end) === value ? end : -1;
}

/** What the digits say; they are at most 15. */
function numberOf(bytes: Buffer, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at += 1) number = number * 10 + (bytes[at] as number) - zero;
  return number;
}

/** Where a time of 19 digits, from 2001 to 2262, ends when it is `ns`; -1 when it is not. */
function behindTime(bytes: Buffer, at: number, ns: bigint): number {
  if (at < 0 || bytes[at + 19] !== quote) return -1;
  for (let index = at; index < at + 19; index += 1) if (!isDigit(bytes[index])) return -1;
  const seconds = Number(BigInt.asIntN(64, BigInt.asIntN(64, ns) / billion));
  const nanoseconds = Number(BigInt.asIntN(64, BigInt.asIntN(64, ns) % billion));
  return numberOf(bytes, at, at + 10) === seconds && numberOf(bytes, at + 10, at + 19) === nanoseconds ? at + 19 : -1;
}

/**
 * A line of a manifest that was read. It is decoded when somebody asks for more than what nearly all need of nearly all
 * lines: which path it has, and whether a file is as it says. That is seen in its bytes, without making anything of them.
 */
export class RecordLine implements ManifestRecord, LineBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Where the path ends, if its bytes stand there as they are; 0 where they don't. */
  private readonly pathEnd: number;
  private readonly manifestKey: string;
  private decoded: ManifestRecord | undefined;

  /** What stands between `start` and `end`, where neither comma nor newline belongs to it. */
  constructor(bytes: Buffer, start: number, end: number, manifestKey: string) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.manifestKey = manifestKey;
    this.pathEnd = plainPathEnd(bytes, start, end);
    this.decoded = undefined;
  }

  get path(): Buffer {
    return this.pathEnd > 0 ? this.bytes.subarray(this.start + 1, this.pathEnd) : this.decode().path;
  }

  /** vault/bad-manifest where the line is none. */
  get facts(): RecordFacts {
    return this.decode().facts;
  }

  /** As comparePaths. */
  compareTo(path: Buffer): number {
    const { bytes, pathEnd } = this;
    if (pathEnd === 0) return comparePaths(this.path, path);
    const from = this.start + 1;
    const length = pathEnd - from;
    if (length === path.length) {
      let at = 0;
      while (at < length && bytes[from + at] === path[at]) at += 1;
      if (at === length) return 0;
    }
    return comparePaths(this.path, path);
  }

  /** True for the line of a file in this very state, all of it: content and attributes. False also where that takes more to tell. */
  isOfState({ mtimeNs, ctimeNs, inode, sizeBytes, user, group }: FileState): boolean {
    if (this.pathEnd === 0 || ctimeNs === undefined || inode === undefined) return false;
    if (sizeBytes === undefined || user === undefined || group === undefined) return false;
    const { bytes } = this;
    const mtimeEnd = behindTime(bytes, behind(bytes, this.pathEnd, behindPath), mtimeNs);
    const inodeEnd = behindNumber(bytes, behind(bytes, mtimeEnd, inodeName), Number(inode));
    const sizeAt =
      ctimeNs === mtimeNs
        ? behind(bytes, inodeEnd, sizeAfterInode)
        : behind(bytes, behindTime(bytes, behind(bytes, inodeEnd, ctimeName), ctimeNs), sizeAfterTime);
    const sizeEnd = behindNumber(bytes, sizeAt, sizeBytes);
    return this.endsWith(behind(bytes, sizeEnd, digestName), ownerEnd(user, group));
  }

  /** True when from `at` on there are a digest, numbers, and then this end. */
  private endsWith(at: number, last: Buffer): boolean {
    const { bytes, end } = this;
    if (at < 0 || behind(bytes, at + digestLength, behindDigest) < 0) return false;
    return (
      at + digestLength + behindDigest.length <= end - last.length && behind(bytes, end - last.length, last) === end
    );
  }

  private decode(): ManifestRecord {
    if (this.decoded) return this.decoded;
    try {
      return (this.decoded = decodeRecord(this.bytes.toString('utf8', this.start, this.end)));
    } catch (error) {
      throw badManifest(this.manifestKey, (error as Error).message, error);
    }
  }
}

let lastOwner: { readonly user: string; readonly group: string; readonly end: Buffer } | undefined;

/** `endOf`, for the owner that nearly always is that of the file before. */
function ownerEnd(user: string, group: string): Buffer {
  if (lastOwner?.user !== user || lastOwner.group !== group) lastOwner = { user, group, end: endOf(user, group) };
  return lastOwner.end;
}

/** Where the path of a line ends when its bytes are those of the path itself: nothing in it is escaped. 0 otherwise. */
function plainPathEnd(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] !== quote) return 0;
  for (let at = start + 1; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === quote) return at;
    if (byte === backslash || byte === percent) return 0;
  }
  return 0;
}

/** The line of a file whose content is that of `known`: the same as before where nothing else has changed either. */
export function lineOfKnown(entry: SourceEntry, known: ContentRecord): Line {
  if (known instanceof RecordLine && saysTheSame(known, entry)) return known;
  const { size, sha256, key, dataRuns } = known.facts;
  return encodeRecord(recordOf(entry, { size, sha256, key, dataRuns }));
}
