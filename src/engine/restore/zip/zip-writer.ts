import { crc32 } from 'node:zlib';
import { KiB } from '../../../base/bytes.ts';
import type { SourceEntry } from '../../../source/index.ts';
import { vaultError } from '../../../vault/index.ts';
import {
  encodeCentralHeader,
  encodeDescriptor,
  encodeEnd,
  encodeLocalHeader,
  memberName,
  type ZipLimits,
  zipLimits,
} from './zip-records.ts';

const longestName = 0xffff;
const empty = Buffer.alloc(0);
/** Entries of the directory are held until the end, so many bytes in one piece. */
const pieceBytes = 64 * KiB;

/**
 * Writes entries as a zip, from its first byte to its last, as restic does: contents are stored as they are, symlinks hold their
 * target, fifos and devices nothing. A zip knows no second names of a file. Source: PKWARE's APPNOTE.TXT 6.3.10.
 */
export class ZipWriter {
  private readonly out: (bytes: Uint8Array) => Promise<void>;
  private readonly limits: ZipLimits;
  private readonly directory: Buffer[] = [];
  private readonly lastPiece: Buffer[] = [];
  private lastPieceBytes = 0;
  private entries = 0;
  private written = 0;

  /** `limits` are the numbers from which on fields of 64 bits are used. */
  constructor(write: (bytes: Uint8Array) => Promise<void>, limits: ZipLimits = zipLimits) {
    this.out = write;
    this.limits = limits;
  }

  /** Writes one entry with its content. vault/wrong-size when the content is not as long as the entry says, vault/bad-name. */
  async add(entry: SourceEntry, signal: AbortSignal): Promise<void> {
    const name = memberName(entry);
    if (name.length > longestName) throw tooLong(entry);
    const { type, mode, mtimeNs, linkTarget = empty } = entry;
    const offset = this.written;
    const facts = { name, type, mode, mtimeNs };
    if (type === 'file') {
      const sizeBytes = sizeOf(entry);
      await this.write(encodeLocalHeader({ ...facts, sizeBytes, crc: undefined }, this.limits));
      const crc = await this.writeContent(entry, sizeBytes, signal);
      await this.write(encodeDescriptor(crc, sizeBytes, this.limits));
      this.list(encodeCentralHeader({ ...facts, sizeBytes, crc, offset, described: true }, this.limits));
      return;
    }
    const member = { ...facts, sizeBytes: linkTarget.length, crc: crc32(linkTarget) };
    await this.write(Buffer.concat([encodeLocalHeader(member, this.limits), linkTarget]));
    this.list(encodeCentralHeader({ ...member, offset, described: false }, this.limits));
  }

  /** Writes the end of the zip. */
  async end(): Promise<void> {
    this.closePiece();
    const { entries, directory, written: offset } = this;
    for (const piece of directory.splice(0)) await this.write(piece);
    await this.write(encodeEnd({ entries, sizeBytes: this.written - offset, offset }, this.limits));
  }

  /** Returns the checksum of what was written. */
  private async writeContent(entry: SourceEntry, sizeBytes: number, signal: AbortSignal): Promise<number> {
    let [crc, read] = [0, 0];
    for await (const chunk of entry.open?.(signal) ?? []) {
      crc = crc32(chunk, crc);
      read += chunk.length;
      await this.write(chunk);
    }
    if (read !== sizeBytes) throw wrongLength(entry, read);
    return crc;
  }

  private async write(bytes: Uint8Array): Promise<void> {
    this.written += bytes.length;
    await this.out(bytes);
  }

  private list(header: Buffer): void {
    this.entries += 1;
    this.lastPiece.push(header);
    this.lastPieceBytes += header.length;
    if (this.lastPieceBytes >= pieceBytes) this.closePiece();
  }

  private closePiece(): void {
    this.directory.push(Buffer.concat(this.lastPiece.splice(0)));
    this.lastPieceBytes = 0;
  }
}

function sizeOf(entry: SourceEntry): number {
  if (entry.sizeBytes !== undefined) return entry.sizeBytes;
  throw vaultError('wrong-size', {
    message: `The size of "${entry.path.toString()}" is not known; a zip needs it before the content.`,
    hint: 'This is a defect of the source; report it.',
  });
}

const wrongLength = ({ path, sizeBytes }: SourceEntry, read: number): Error =>
  vaultError('wrong-size', {
    message: `"${path.toString()}" was announced with ${sizeBytes} bytes and gave ${read}.`,
    hint: 'This is a defect of the source; report it.',
  });

const tooLong = ({ path }: SourceEntry): Error =>
  vaultError('bad-name', {
    message: `The path "${path.toString().slice(0, 80)}…" is longer than a zip has room for, which is 65535 bytes.`,
    hint: 'Dump it as a tar, or a folder further down.',
  });
