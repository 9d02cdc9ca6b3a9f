import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { adviseMemory, pageBytes } from './memory-advice.ts';

/** elf.h, for 64 bits and the byte order of all processors that Node.js runs on. */
const elf = { magic: 0x46_4c_45_7f, loaded: 1, writable: 2, isMoved: 3 } as const;
/** The headers stand at the beginning of the file. */
const headBytes = 4096;

interface Segment {
  readonly address: bigint;
  readonly bytes: bigint;
}

function readHead(path: string): Buffer {
  const head = Buffer.alloc(headBytes);
  const fd = openSync(path, 'r');
  try {
    return head.subarray(0, readSync(fd, head, 0, headBytes, 0));
  } finally {
    closeSync(fd);
  }
}

/** The parts of a program file that are mapped and never written to: code and constants. */
export function unwrittenSegments(head: Buffer): readonly Segment[] {
  if (head.readUInt32LE(0) !== elf.magic || head[4] !== 2 || head[5] !== 1) return [];
  const [first, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  const segments: Segment[] = [];
  for (let at = first; at < first + size * count; at += size) {
    if (head.readUInt32LE(at) !== elf.loaded || (head.readUInt32LE(at + 4) & elf.writable) !== 0) continue;
    segments.push({ address: head.readBigUInt64LE(at + 16), bytes: head.readBigUInt64LE(at + 32) });
  }
  return segments;
}

/** Where the file of this program begins in memory, where it is one that may be put anywhere. */
function placeOf(head: Buffer, path: string): bigint {
  if (head.readUInt16LE(16) !== elf.isMoved) return 0n;
  const line = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((mapping) => mapping.endsWith(` ${path}`) && mapping.includes(' 00000000 '));
  if (line === undefined) throw new Error(`${path} is not mapped`);
  return BigInt(`0x${line.slice(0, line.indexOf('-'))}`);
}

/**
 * Gives back the pages of Node.js' own program file: half of what a program holds there only its start needed, and what it
 * still needs comes from the system's cache of files at once, in all a few milliseconds of work. Returns how many bytes
 * were told; 0 where that can't be done.
 */
export function giveBackProgramPages(): number {
  if (process.platform !== 'linux') return 0;
  let told = 0n;
  try {
    const head = readHead(process.execPath);
    const place = placeOf(head, process.execPath);
    for (const { address, bytes } of unwrittenSegments(head)) {
      const start = (place + address + pageBytes - 1n) & -pageBytes;
      const length = (place + address + bytes - start) & -pageBytes;
      if (length > 0n && adviseMemory(start, length, 'dontNeed')) told += length;
    }
  } catch {
    // a help only
  }
  return Number(told);
}
