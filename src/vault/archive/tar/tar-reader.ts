import type { DataRun, EntryType, ExtendedAttribute, SourceEntry } from '../../../source/index.ts';
import { vaultError } from '../../errors.ts';
import type { ByteReader } from '../byte-reader.ts';
import { decodePax, decodeTime, xattrNameOf } from './pax.ts';
import { decodeSparseMap, zeroBytes } from './sparse.ts';
import { blockBytes, decodeHeader, tarDamaged, type TarHeader } from './tar-header.ts';

const entryTypes: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '1': 'file',
  '2': 'symlink',
  '3': 'chardev',
  '4': 'blockdev',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
};

const pieceBytes = 1024 * 1024;

/** Extended headers hold attributes of up to 64 KiB each; beyond this it is damage. */
const largestExtendedHeader = 64 * 1024 * 1024;

type Records = Map<string, Buffer>;

/**
 * Reads entries from a tar: PAX as `TarWriter` writes it, and what GNU tar writes (posix and gnu format, sparse 1.0). It
 * is strict: vault/corrupt when a header is damaged or a name leaves the tree, vault/truncated without the end mark.
 */
export class TarReader {
  private readonly input: ByteReader;
  /** Content of the current entry that nobody has taken yet, and the padding behind it. */
  private contentLeft = 0;
  private paddingLeft = 0;
  private readonly global: Records = new Map();

  constructor(input: ByteReader) {
    this.input = input;
  }

  async *entries(): AsyncGenerator<SourceEntry> {
    for (let next = await this.nextEntry(); next !== undefined; next = await this.nextEntry()) yield next;
    await this.checkEnd();
  }

  /** Reads headers up to the next entry; undefined at the first block of zeros. */
  private async nextEntry(): Promise<SourceEntry | undefined> {
    let records: Records = new Map(this.global);
    for (;;) {
      await this.skipContent();
      const header = decodeHeader(await this.block());
      if (header === 'end') return undefined;
      if (header.type === 'x') records = new Map([...this.global, ...decodePax(await this.metadata(header.sizeBytes))]);
      else if (header.type === 'g') {
        for (const [keyword, value] of decodePax(await this.metadata(header.sizeBytes)))
          this.global.set(keyword, value);
        records = new Map(this.global);
      } else if (header.type === 'L') records.set('path', await this.longName(header.sizeBytes));
      else if (header.type === 'K') records.set('linkpath', await this.longName(header.sizeBytes));
      else return await this.entry(header, records);
    }
  }

  private async entry(header: TarHeader, records: Records): Promise<SourceEntry> {
    const type = entryTypes[header.type];
    if (type === undefined) throw tarDamaged(`a member has the unknown type "${header.type}"`);
    const storedBytes = numberOf(records, 'size') ?? header.sizeBytes;
    const hardLink = header.type === '1';
    const hasContent = type === 'file' && !hardLink;
    this.contentLeft = hasContent ? storedBytes : 0;
    this.paddingLeft = paddingOf(this.contentLeft);
    const realSize = numberOf(records, 'GNU.sparse.realsize');
    const runs = realSize !== undefined && hasContent ? await this.sparseRuns(realSize) : undefined;
    const sizeBytes = realSize ?? storedBytes;
    return {
      path: memberPath(records.get('GNU.sparse.name') ?? records.get('path') ?? header.name),
      // What a second name is a name of: see TarWriter.
      type: hardLink && header.major > 0 ? (entryTypes[String(header.major)] ?? type) : type,
      ...ownership(header, records),
      ...(hasContent ? { sizeBytes, open: (signal) => this.content(sizeBytes, runs, signal) } : {}),
      ...(runs === undefined ? {} : { dataRuns: runs }),
      ...target(header, records),
    };
  }

  private async sparseRuns(realSize: number): Promise<DataRun[]> {
    const runs = await decodeSparseMap(async () => {
      if (this.contentLeft < blockBytes) throw tarDamaged('a sparse map is longer than its member');
      this.contentLeft -= blockBytes;
      return await this.block();
    });
    let end = 0;
    for (const { offset, length } of runs) {
      if (offset < end || offset + length > realSize) throw tarDamaged('a sparse map is malformed');
      end = offset + length;
    }
    const stored = runs.reduce((sum, { length }) => sum + length, 0);
    if (stored !== this.contentLeft) throw tarDamaged('a sparse map does not fit its member');
    return runs;
  }

  private async *content(
    sizeBytes: number,
    runs: readonly DataRun[] | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let position = 0;
    for (const { offset, length } of runs ?? [{ offset: 0, length: sizeBytes }]) {
      yield* zeroBytes(offset - position);
      for (let left = length; left > 0;) {
        signal.throwIfAborted();
        const piece = await this.input.some(Math.min(left, pieceBytes));
        if (piece === undefined) throw endsEarly();
        left -= piece.length;
        this.contentLeft -= piece.length;
        yield piece;
      }
      position = offset + length;
    }
    yield* zeroBytes(sizeBytes - position);
  }

  private async skipContent(): Promise<void> {
    const left = this.contentLeft + this.paddingLeft;
    this.contentLeft = 0;
    this.paddingLeft = 0;
    if (left > 0 && (await this.input.skip(left)) < left) throw endsEarly();
  }

  private async block(): Promise<Buffer> {
    const block = await this.input.upTo(blockBytes);
    if (block.length < blockBytes) throw endsEarly();
    return block;
  }

  private async metadata(sizeBytes: number): Promise<Buffer> {
    if (sizeBytes > largestExtendedHeader) throw tarDamaged(`an extended header has ${sizeBytes} bytes`);
    const bytes = await this.input.upTo(sizeBytes);
    if (bytes.length < sizeBytes) throw endsEarly();
    this.paddingLeft = paddingOf(sizeBytes);
    return bytes;
  }

  private async longName(sizeBytes: number): Promise<Buffer> {
    const bytes = await this.metadata(sizeBytes);
    const end = bytes.indexOf(0);
    return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end));
  }

  /** The second block of zeros, and nothing but zeros behind it. */
  private async checkEnd(): Promise<void> {
    if (decodeHeader(await this.block()) !== 'end') throw tarDamaged('only one block of zeros ends it');
    for (let piece = await this.input.some(pieceBytes); piece; piece = await this.input.some(pieceBytes)) {
      if (piece.some((byte) => byte !== 0)) throw tarDamaged('something follows its end');
    }
  }
}

const endsEarly = (): Error =>
  vaultError('truncated', {
    message: 'The tar inside ends before its end mark.',
    hint: 'Restore another restore point; this one is not whole.',
  });

const paddingOf = (sizeBytes: number): number => (blockBytes - (sizeBytes % blockBytes)) % blockBytes;

function numberOf(records: Records, keyword: string): number | undefined {
  const text = records.get(keyword)?.toString('latin1');
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) throw tarDamaged(`"${keyword}" is no number`);
  return value;
}

/** A member's name as a path below the root. A name that leads out of the root is refused. */
function memberPath(name: Buffer): Buffer {
  const segments = name.toString('latin1').split('/');
  if (name[0] === 0x2f || segments.includes('..'))
    throw tarDamaged(`the name "${name.toString()}" leads out of the tree`);
  return Buffer.from(segments.filter((segment) => segment !== '' && segment !== '.').join('/'), 'latin1');
}

/** Where a link points, or which device a node is. */
function target(header: TarHeader, records: Records): Pick<SourceEntry, 'hardLinkTo' | 'linkTarget' | 'device'> {
  const link = records.get('linkpath') ?? header.linkName;
  switch (header.type) {
    case '1':
      return { hardLinkTo: memberPath(link) };
    case '2':
      return { linkTarget: link };
    case '3':
    case '4':
      return { device: { major: header.major, minor: header.minor } };
    default:
      return {};
  }
}

type Ownership = Pick<SourceEntry, 'mode' | 'uid' | 'gid' | 'user' | 'group' | 'mtimeNs' | 'extendedAttributes'>;

function ownership(header: TarHeader, records: Records): Ownership {
  const user = (records.get('uname') ?? header.user).toString();
  const group = (records.get('gname') ?? header.group).toString();
  const mtime = records.get('mtime')?.toString('latin1');
  const attributes: ExtendedAttribute[] = [];
  for (const [keyword, value] of records) {
    const name = xattrNameOf(keyword);
    if (name !== undefined) attributes.push({ name, value });
  }
  return {
    mode: header.mode & 0o7777,
    uid: numberOf(records, 'uid') ?? header.uid,
    gid: numberOf(records, 'gid') ?? header.gid,
    mtimeNs: mtime === undefined ? BigInt(header.mtime) * 1_000_000_000n : decodeTime(mtime),
    ...(user === '' ? {} : { user }),
    ...(group === '' ? {} : { group }),
    ...(attributes.length === 0 ? {} : { extendedAttributes: attributes }),
  };
}
