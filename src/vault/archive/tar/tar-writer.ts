import { isUtf8 } from 'node:buffer';

import type { DataRun, EntryType, SourceEntry } from '../../../source/index.ts';
import { vaultError } from '../../errors.ts';
import { encodePax, encodeTime, xattrKeyword } from './pax.ts';
import { aclKeywords, aclText } from './posix-acl.ts';
import { encodeSparseMap, isSparse, pickRuns } from './sparse.ts';
import { blockBytes, encodeHeader, fitsName, largestId, largestSize, nameBytes, ownerNameBytes } from './tar-header.ts';

const typeFlags: Readonly<Record<EntryType, string>> = {
  file: '0',
  symlink: '2',
  chardev: '3',
  blockdev: '4',
  directory: '5',
  fifo: '6',
};

/** tar's customary record: an archive is a multiple of it. */
const recordBytes = 20 * blockBytes;
const zeroRecord = Buffer.alloc(recordBytes);
const empty = Buffer.alloc(0);
const noDevice = { major: 0, minor: 0 };
const billion = 1_000_000_000n;

type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes entries as a PAX tar that GNU tar, bsdtar and star extract. The root is "./", so that extracting into a folder
 * gives that folder the root's own owner, mode and time; all others have plain names.
 */
export class TarWriter {
  private readonly out: Write;
  private written = 0;

  constructor(write: Write) {
    this.out = write;
  }

  /** Writes one entry with its content. vault/wrong-size when the content is not as long as the entry says. */
  async add(entry: SourceEntry, signal: AbortSignal): Promise<void> {
    const hasContent = entry.type === 'file' && entry.hardLinkTo === undefined;
    const sizeBytes = hasContent ? sizeOf(entry) : 0;
    const runs = hasContent && isSparse(entry.dataRuns, sizeBytes) ? entry.dataRuns : undefined;
    const map = runs ? encodeSparseMap(runs, sizeBytes) : empty;
    const storedBytes = runs ? map.length + runs.reduce((sum, run) => sum + run.length, 0) : sizeBytes;
    await this.write(encodeMember(entry, storedBytes, runs ? sizeBytes : undefined));
    if (storedBytes === 0) return;
    await this.write(map);
    await this.writeContent(entry, { sizeBytes, runs, signal });
    await this.pad(blockBytes);
  }

  /** Writes the end of the archive. */
  async end(): Promise<void> {
    await this.write(zeroRecord.subarray(0, 2 * blockBytes));
    await this.pad(recordBytes);
  }

  private async writeContent(
    entry: SourceEntry,
    { sizeBytes, runs, signal }: { sizeBytes: number; runs: readonly DataRun[] | undefined; signal: AbortSignal },
  ): Promise<void> {
    if (!entry.open) throw wrongLength(entry, 0, sizeBytes);
    let read = 0;
    const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        read += chunk.length;
        if (read > sizeBytes) throw wrongLength(entry, read, sizeBytes);
        yield chunk;
      }
    };
    const content = counted(entry.open(signal));
    for await (const chunk of runs ? pickRuns(content, runs) : content) await this.write(chunk);
    if (read !== sizeBytes) throw wrongLength(entry, read, sizeBytes);
  }

  private async write(bytes: Uint8Array): Promise<void> {
    this.written += bytes.length;
    await this.out(bytes);
  }

  private async pad(unit: number): Promise<void> {
    const over = this.written % unit;
    if (over > 0) await this.write(zeroRecord.subarray(0, unit - over));
  }
}

function wrongLength(entry: SourceEntry, read: number, sizeBytes: number): Error {
  return vaultError('wrong-size', {
    message: `"${entry.path.toString()}" was announced with ${sizeBytes} bytes and gave ${read}.`,
    hint: 'This is a defect of the source; report it.',
  });
}

function sizeOf(entry: SourceEntry): number {
  if (entry.sizeBytes !== undefined) return entry.sizeBytes;
  throw vaultError('wrong-size', {
    message: `The size of "${entry.path.toString()}" is not known; a tar needs it before the content.`,
    hint: 'This is a defect of the source; report it.',
  });
}

/** The name within the tar. */
function memberName(path: Buffer, type: EntryType): Buffer {
  if (path.length === 0) return Buffer.from('./');
  return type === 'directory' ? Buffer.concat([path, Buffer.from('/')]) : path;
}

/** All header blocks of one entry: the extended header when one is needed, and the header itself. */
function encodeMember(entry: SourceEntry, storedBytes: number, sparseSize: number | undefined): Buffer {
  const name = memberName(entry.path, entry.type);
  const link = entry.hardLinkTo ?? entry.linkTarget ?? empty;
  const records = paxRecords(entry, { name, link, storedBytes, sparseSize });
  const header = encodeHeader({
    name: sparseSize === undefined ? name : sparseName(name),
    mode: entry.mode,
    uid: records.has('uid') ? 0 : entry.uid,
    gid: records.has('gid') ? 0 : entry.gid,
    sizeBytes: storedBytes > largestSize ? 0 : storedBytes,
    mtime: fitsSeconds(entry.mtimeNs) ? Number(entry.mtimeNs / billion) : 0,
    type: entry.hardLinkTo ? '1' : typeFlags[entry.type],
    linkName: link,
    user: Buffer.from(entry.user ?? ''),
    group: Buffer.from(entry.group ?? ''),
    ...(entry.hardLinkTo ? linkedTypeMark(entry.type) : (entry.device ?? noDevice)),
  });
  return records.size === 0 ? header : Buffer.concat([encodeExtendedHeader(name, records), header]);
}

const fitsSeconds = (mtimeNs: bigint): boolean => mtimeNs >= 0n && mtimeNs / billion <= BigInt(largestSize);

/**
 * A second name says nothing of what it names, unlike our entries: where that is no plain file, its type flag is kept in
 * a field that has no meaning for links, as an unknown pax record would make GNU tar warn.
 */
const linkedTypeMark = (type: EntryType): typeof noDevice =>
  type === 'file' ? noDevice : { major: Number(typeFlags[type]), minor: 0 };

/** A program that knows no sparse files extracts the map and the data under this name. */
const sparseName = (name: Buffer): Buffer =>
  Buffer.concat([Buffer.from('GNUSparseFile.0/'), name.subarray(name.lastIndexOf(0x2f) + 1)]);

function encodeExtendedHeader(name: Buffer, records: ReadonlyMap<string, Buffer>): Buffer {
  const body = encodePax(records);
  const label = name
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9._/-]/g, '_')
    .slice(0, 80);
  const header = encodeHeader({
    name: Buffer.from(`PaxHeaders/${label.replaceAll('/', '_')}`),
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: body.length,
    mtime: 0,
    type: 'x',
    linkName: empty,
    user: empty,
    group: empty,
    major: 0,
    minor: 0,
  });
  return Buffer.concat([header, body, zeroRecord.subarray(0, (blockBytes - (body.length % blockBytes)) % blockBytes)]);
}

interface MemberFacts {
  readonly name: Buffer;
  readonly link: Buffer;
  readonly storedBytes: number;
  readonly sparseSize: number | undefined;
}

/** What the header has no room for. */
function paxRecords(entry: SourceEntry, { name, link, storedBytes, sparseSize }: MemberFacts): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  const set = (keyword: string, value: string | Buffer | number): void => {
    records.set(keyword, Buffer.isBuffer(value) ? value : Buffer.from(String(value)));
  };
  const longName = !fitsName(name);
  const longLink = link.length > nameBytes;
  // A keyword that GNU tar does not know makes it warn, so this is written only where others need it.
  if ((longName && !isUtf8(name)) || (longLink && !isUtf8(link))) set('hdrcharset', 'BINARY');
  if (sparseSize !== undefined) {
    set('GNU.sparse.major', 1);
    set('GNU.sparse.minor', 0);
    set('GNU.sparse.name', name);
    set('GNU.sparse.realsize', sparseSize);
  } else if (longName) set('path', name);
  if (longLink) set('linkpath', link);
  if (storedBytes > largestSize) set('size', storedBytes);
  if (entry.uid > largestId) set('uid', entry.uid);
  if (entry.gid > largestId) set('gid', entry.gid);
  setOwnerNames(entry, set);
  if (entry.mtimeNs % billion !== 0n || !fitsSeconds(entry.mtimeNs)) set('mtime', encodeTime(entry.mtimeNs));
  setAttributes(entry, set);
  return records;
}

type SetRecord = (keyword: string, value: string | Buffer) => void;

const needsRecord = (text: string): boolean => Buffer.byteLength(text) > ownerNameBytes;

function setOwnerNames(entry: SourceEntry, set: SetRecord): void {
  if (entry.user !== undefined && needsRecord(entry.user)) set('uname', entry.user);
  if (entry.group !== undefined && needsRecord(entry.group)) set('gname', entry.group);
}

/** Attributes as they are, and access lists as text too: GNU tar takes them from there when asked for --acls. */
function setAttributes(entry: SourceEntry, set: SetRecord): void {
  for (const { name, value } of entry.extendedAttributes ?? []) {
    const acl = aclKeywords.get(name);
    const text = acl === undefined ? undefined : aclText(value);
    if (acl !== undefined && text !== undefined) set(acl, text);
    set(xattrKeyword(name), Buffer.from(value.buffer, value.byteOffset, value.length));
  }
}
