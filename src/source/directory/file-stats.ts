import type { BigIntStats } from 'node:fs';
import type { EntryType } from '../source.ts';

/** What lstat(2) tells of a node, in a tenth of the memory of a BigIntStats. */
export interface FileStats {
  readonly type: EntryType | 'socket';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** The number of hard links. */
  readonly links: number;
  readonly sizeBytes: number;
  /** What is stored, in units of 512 bytes. */
  readonly blocks: number;
  /** Nanoseconds since 1970, negative before. */
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
  /** The device that the node is on. */
  readonly deviceId: bigint;
  /** The device that the node is; 0 for what is none. */
  readonly device: bigint;
}

/** By the upper four bits of a mode. */
const types: Readonly<Record<number, FileStats['type']>> = {
  1: 'fifo',
  2: 'chardev',
  4: 'directory',
  6: 'blockdev',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};

const typeOf = (mode: number): FileStats['type'] => types[(mode >> 12) & 15] ?? 'file';

/** What Node.js tells, as FileStats. */
export function statsOfNode(stats: BigIntStats): FileStats {
  const mode = Number(stats.mode);
  return {
    type: typeOf(mode),
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    links: Number(stats.nlink),
    sizeBytes: Number(stats.size),
    blocks: Number(stats.blocks),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: BigInt.asUintN(64, stats.ino),
    deviceId: stats.dev,
    device: stats.rdev,
  };
}

/**
 * Where 64-bit Linux has the fields of struct stat (asm/stat.h) that are not in the same place everywhere, in units of 4
 * bytes.
 */
const layouts = {
  x64: { mode: 6, links: 4, uid: 7, gid: 8, device: 10 },
  arm64: { mode: 4, links: 5, uid: 6, gid: 7, device: 8 },
};

export type StatLayout = (typeof layouts)['x64'];

/** How struct stat looks on this machine; undefined where that is not known. */
export const statLayout: StatLayout | undefined =
  process.platform === 'linux' ? (layouts as Record<string, StatLayout>)[process.arch] : undefined;

const billion = 1_000_000_000n;

/** Memory that holds one struct stat or many, which the C library fills. */
export class StatRoom {
  private readonly layout: StatLayout;
  private readonly words: Uint32Array;
  private readonly signedWords: Int32Array;
  private readonly numbers: BigInt64Array;
  private readonly unsignedNumbers: BigUint64Array;
  /** Nearly always that of the node before: one object for all. */
  private deviceId = 0n;

  /** `bytes` is all of its buffer. */
  constructor(layout: StatLayout, { buffer }: Buffer) {
    this.layout = layout;
    this.words = new Uint32Array(buffer);
    this.signedWords = new Int32Array(buffer);
    this.numbers = new BigInt64Array(buffer);
    this.unsignedNumbers = new BigUint64Array(buffer);
  }

  /** True where the mode is 0, which is that of no node. `start` is in bytes, and a multiple of 8. */
  isEmpty(start: number): boolean {
    return this.words[start / 4 + this.layout.mode] === 0;
  }

  /** What it holds now from the byte `start` on, which is a multiple of 8. */
  read(start = 0): FileStats {
    const { layout, words, unsignedNumbers } = this;
    const word = start / 4;
    const number = start / 8;
    const mode = words[word + layout.mode] as number;
    const type = typeOf(mode);
    const deviceId = unsignedNumbers[number] as bigint;
    if (deviceId !== this.deviceId) this.deviceId = deviceId;
    return {
      type,
      mode: mode & 0o7777,
      uid: words[word + layout.uid] as number,
      gid: words[word + layout.gid] as number,
      links: words[word + layout.links] as number,
      sizeBytes: this.number(number + 6),
      blocks: this.number(number + 8),
      mtimeNs: this.time(number + 11),
      ctimeNs: this.time(number + 13),
      inode: unsignedNumbers[number + 1] as bigint,
      deviceId: this.deviceId,
      device: type === 'chardev' || type === 'blockdev' ? (unsignedNumbers[number + layout.device / 2] as bigint) : 0n,
    };
  }

  /** A number that is never negative, at `at` in units of 8 bytes. */
  private number(at: number): number {
    const { words } = this;
    return (words[2 * at] as number) + (words[2 * at + 1] as number) * 2 ** 32;
  }

  /** A struct timespec. Within 64 bits no bigint is made but the result; that ends in the year 2262. */
  private time(at: number): bigint {
    const { numbers } = this;
    const seconds = numbers[at] as bigint;
    const nanoseconds = numbers[at + 1] as bigint;
    const high = this.signedWords[2 * at + 1] as number;
    if (high >= -2 && high <= 1) return BigInt.asIntN(64, seconds * billion + nanoseconds);
    return seconds * billion + nanoseconds;
  }
}
