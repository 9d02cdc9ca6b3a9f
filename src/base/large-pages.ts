import { readFileSync } from 'node:fs';
import { findFfi, findNativeFunctions } from './native-functions.ts';

const signatures = { madvise: { arguments: ['buffer', 'u64', 'i32'], return: 'i32' } } as const;

/** Advice for madvise(2), with the same numbers on all of Linux. */
const advice = { dontNeed: 4, hugePage: 14 } as const;
const pageBytes = 4096;

/** Whether the kernel gives large pages to those who ask. */
function hasLargePages(): boolean {
  try {
    return !readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'latin1').includes('[never]');
  } catch {
    return false;
  }
}

const libc = process.platform === 'linux' ? findNativeFunctions(signatures) : undefined;

function advise(bytes: Buffer, what: keyof typeof advice): boolean {
  const address = findFfi()?.getRawPointer(bytes) ?? 1n;
  return address % BigInt(pageBytes) === 0n && libc?.madvise(bytes, BigInt(bytes.length), advice[what]) === 0;
}

/**
 * Asks for pages of 2 MiB where memory is first used: then it costs little to give it back, and to have it again. False
 * where there are none. For shared buffers of several MiB that may grow: V8 takes those from the system itself.
 */
export function useLargePages(memory: SharedArrayBuffer): boolean {
  return libc !== undefined && memory.growable && hasLargePages() && advise(Buffer.from(memory), 'hugePage');
}

/**
 * Gives memory back to the system: it is zeros when it is used again, which costs time for each page, a fifth of that
 * where `useLargePages` was true. For shared buffers that may grow, as above, and parts of them that begin at a page; elsewhere
 * nothing is done.
 */
export function giveBackPages(
  memory: SharedArrayBuffer,
  offset = 0,
  length: number = memory.byteLength - offset,
): void {
  if (memory.growable && length > 0) advise(Buffer.from(memory, offset, length), 'dontNeed');
}
