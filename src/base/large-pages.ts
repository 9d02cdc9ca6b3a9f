import { readFileSync } from 'node:fs';
import { adviseMemory } from './memory-advice.ts';
import { findFfi } from './native-functions.ts';

/** Whether the kernel gives large pages to those who ask. */
function hasLargePages(): boolean {
  try {
    return !readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'latin1').includes('[never]');
  } catch {
    return false;
  }
}

function advise(bytes: Buffer, what: 'dontNeed' | 'hugePage'): boolean {
  const address = findFfi()?.getRawPointer(bytes);
  return address !== undefined && adviseMemory(address, BigInt(bytes.length), what);
}

/**
 * Asks for pages of 2 MiB where memory is first used: then it costs little to give it back, and to have it again. False
 * where there are none. For shared buffers of several MiB that may grow: V8 takes those from the system itself.
 */
export function useLargePages(memory: SharedArrayBuffer): boolean {
  return memory.growable && hasLargePages() && advise(Buffer.from(memory), 'hugePage');
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
