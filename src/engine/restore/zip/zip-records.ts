import { isUtf8 } from 'node:buffer';
import { momentAt } from '../../../base/clock.ts';
import type { EntryType, SourceEntry } from '../../../source/index.ts';

/** What 32 and 16 bits hold; these values themselves say that the number stands in a field of 64 bits instead. */
export const zipLimits = { size: 0xffff_ffff, entries: 0xffff };

export type ZipLimits = typeof zipLimits;

/** One member of a zip. */
export interface ZipMember {
  readonly name: Buffer;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly sizeBytes: number;
  /** Undefined while the content has not been read: then it is told behind it, in a data descriptor. */
  readonly crc: number | undefined;
}

/** A member that has been written: its first byte in the zip, and its checksum. */
export interface WrittenMember extends ZipMember {
  readonly crc: number;
  readonly offset: number;
  /** Whether a data descriptor stands behind the content. */
  readonly described: boolean;
}

const signatures = {
  local: 0x0403_4b50,
  descriptor: 0x0807_4b50,
  central: 0x0201_4b50,
  end: 0x0605_4b50,
  largeEnd: 0x0606_4b50,
  largeEndLocator: 0x0706_4b50,
};

/** Versions of the format: with folders, and with sizes of 64 bits. */
const versions = { usual: 20, large: 45 };
const madeOnUnix = 3;
const flags = { described: 1 << 3, utf8: 1 << 11 };
const dosAttributes = { readOnly: 1, directory: 16 };

/** The types of nodes as Unix has them in the upper bits of a mode. */
const unixTypes: Readonly<Record<EntryType, number>> = {
  fifo: 0o010000,
  chardev: 0o020000,
  directory: 0o040000,
  blockdev: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
};

type Field = readonly [bytes: 2 | 4 | 8, value: number];

/** Numbers of so many bytes each, as zip has them: the lowest byte first. */
function fields(...values: readonly Field[]): Buffer {
  const record = Buffer.alloc(values.reduce((sum, [bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [bytes, value] of values) {
    if (bytes === 8) record.writeBigUInt64LE(BigInt(value), at);
    else record.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return record;
}

/** The years that a zip's own time has room for. */
const [firstYear, lastYear] = [1980, 2107];

/** A moment as MS-DOS wrote it, by this machine's clock: two bytes of time, two of date. */
function dosTime(mtimeNs: bigint): readonly [time: number, date: number] {
  const moment = momentAt(Number(mtimeNs / 1_000_000n));
  const year = moment.getFullYear();
  if (!(year >= firstYear)) return [0, (1 << 5) | 1];
  if (year > lastYear) return [(23 << 11) | (59 << 5) | 29, ((lastYear - firstYear) << 9) | (12 << 5) | 31];
  return [
    (moment.getHours() << 11) | (moment.getMinutes() << 5) | (moment.getSeconds() >> 1),
    ((year - firstYear) << 9) | ((moment.getMonth() + 1) << 5) | moment.getDate(),
  ];
}

/** "Universal time", where it has room for it: the second of the last change, which the members' own time is too coarse for. */
function timeField(mtimeNs: bigint): Buffer {
  const seconds = Number((mtimeNs - (((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n);
  if (seconds !== (seconds | 0)) return Buffer.alloc(0);
  return Buffer.concat([fields([2, 0x5455], [2, 5]), Buffer.from([1]), fields([4, seconds >>> 0])]);
}

/** The extra field of the numbers that 32 bits do not hold. */
function largeField(...values: readonly number[]): Buffer {
  if (values.length === 0) return Buffer.alloc(0);
  return fields([2, 1], [2, 8 * values.length], ...values.map((value): Field => [8, value]));
}

/** Bytes that every program takes for the same characters, whatever it believes of the others. */
const isPlain = (name: Buffer): boolean => name.every((byte) => byte >= 0x20 && byte <= 0x7d && byte !== 0x5c);

const nameFlag = (name: Buffer): number => (!isPlain(name) && isUtf8(name) ? flags.utf8 : 0);

/** What the header of a member and its entry in the directory have in common, from the flags to the lengths. */
function common({ name, mtimeNs, sizeBytes, crc }: ZipMember, described: boolean): Field[] {
  const [time, date] = dosTime(mtimeNs);
  const method = 0; // stored as it is
  return [
    [2, nameFlag(name) | (described ? flags.described : 0)],
    [2, method],
    [2, time],
    [2, date],
    [4, crc ?? 0],
    [4, sizeBytes],
    [4, sizeBytes],
    [2, name.length],
  ];
}

/** What stands before the content. Its name may have 65535 bytes at most. */
export function encodeLocalHeader(member: ZipMember, limits: ZipLimits = zipLimits): Buffer {
  const { name, mtimeNs, sizeBytes, crc } = member;
  const isLarge = sizeBytes >= limits.size;
  const described = crc === undefined;
  const shown = isLarge ? zipLimits.size : described ? 0 : sizeBytes;
  const extra = Buffer.concat([timeField(mtimeNs), isLarge ? largeField(sizeBytes, sizeBytes) : largeField()]);
  const version = isLarge ? versions.large : versions.usual;
  const facts = common({ ...member, sizeBytes: shown }, described);
  return Buffer.concat([fields([4, signatures.local], [2, version], ...facts, [2, extra.length]), name, extra]);
}

/** What stands behind a content whose checksum was not known before. */
export function encodeDescriptor(crc: number, sizeBytes: number, limits: ZipLimits = zipLimits): Buffer {
  const width = sizeBytes >= limits.size ? 8 : 4;
  return fields([4, signatures.descriptor], [4, crc], [width, sizeBytes], [width, sizeBytes]);
}

/** A member's entry in the directory at the end. */
export function encodeCentralHeader(member: WrittenMember, limits: ZipLimits = zipLimits): Buffer {
  const { name, type, mode, mtimeNs, sizeBytes, offset, described } = member;
  const isLarge = sizeBytes >= limits.size;
  const isFar = offset >= limits.size;
  const extra = Buffer.concat([
    timeField(mtimeNs),
    largeField(...(isLarge ? [sizeBytes, sizeBytes] : []), ...(isFar ? [offset] : [])),
  ]);
  const version = isLarge || isFar ? versions.large : versions.usual;
  const attributes = (type === 'directory' ? dosAttributes.directory : 0) | (mode & 0o200 ? 0 : dosAttributes.readOnly);
  const shown = { ...member, sizeBytes: isLarge ? zipLimits.size : sizeBytes };
  return Buffer.concat([
    fields([4, signatures.central], [2, (madeOnUnix << 8) | version], [2, version], ...common(shown, described)),
    // Lengths of the extra field and of a comment, the disk, and that it is no text.
    fields([2, extra.length], [2, 0], [2, 0], [2, 0]),
    fields([2, attributes], [2, unixTypes[type] | mode], [4, isFar ? zipLimits.size : offset]),
    name,
    extra,
  ]);
}

/** The end of a zip, behind a directory of `entries` that begins at `offset`, in bytes. */
export function encodeEnd(
  { entries, sizeBytes, offset }: { readonly entries: number; readonly sizeBytes: number; readonly offset: number },
  limits: ZipLimits = zipLimits,
): Buffer {
  const isLarge = entries >= limits.entries || sizeBytes >= limits.size || offset >= limits.size;
  const shown = isLarge ? { entries: zipLimits.entries, size: zipLimits.size, offset: zipLimits.size } : undefined;
  const { entries: count, size, offset: begin } = shown ?? { entries, size: sizeBytes, offset };
  const end = fields([4, signatures.end], [4, 0], [2, count], [2, count], [4, size], [4, begin], [2, 0]);
  if (!isLarge) return end;
  const bytesThatFollow = 44;
  const program = (madeOnUnix << 8) | versions.large;
  return Buffer.concat([
    fields([4, signatures.largeEnd], [8, bytesThatFollow], [2, program], [2, versions.large], [8, 0]),
    fields([8, entries], [8, entries], [8, sizeBytes], [8, offset]),
    fields([4, signatures.largeEndLocator], [4, 0], [8, offset + sizeBytes], [4, 1]),
    end,
  ]);
}

/** The name of an entry in a zip: that of a folder ends with a slash. */
export const memberName = ({ path, type }: SourceEntry): Buffer =>
  type === 'directory' ? Buffer.concat([path, Buffer.from('/')]) : path;
