/** A thread that lists directories ahead of a walk, and asks what is in them: most of a walk is waiting for the kernel. */
import { workerData } from 'node:worker_threads';
import { systemClock } from '../../../base/clock.ts';
import { findDirectoryReader } from '../../../base/directory-reader.ts';
import { findFfi } from '../../../base/native-functions.ts';
import { AheadMemory, type SharedAhead, slotBytes, slotCount, slotStates, statAt } from './ahead-memory.ts';
import { statLayout } from '../file-stats.ts';
import { PathRoom } from '../path-room.ts';
import { slowMsPerNode } from './slow-disk.ts';

/** By so many names one can tell whether a disk is slow. */
const namesToTell = 200;

/** The slot that the walk comes to first: of the deepest directories that which was asked for first. */
function nextSlot(memory: AheadMemory): number | undefined {
  let best: number | undefined;
  for (let slot = 0; slot < slotCount; slot += 1) {
    if (memory.state(slot) !== slotStates.asked) continue;
    if (best === undefined) best = slot;
    const { depth, order } = memory.rank(slot);
    const other = memory.rank(best);
    if (depth > other.depth || (depth === other.depth && order < other.order)) best = slot;
  }
  return best;
}

/** What reads a slot's directory; undefined where this Node.js or C library lacks what it takes. */
function bindReading(memory: AheadMemory): ((slot: number) => boolean) | undefined {
  const reader = findDirectoryReader();
  const ffi = findFfi();
  if (!reader || !ffi || !statLayout) return undefined;
  const modeAt = statLayout.mode * 4;
  const signatures = { lstat: { arguments: ['pointer', 'pointer'], return: 'i32' } } as const;
  const { functions: libc } = ffi.dlopen(null, signatures);
  const path = new PathRoom(ffi);
  const address = ffi.getRawPointer(memory.bytes);

  const namesIn = (directory: Buffer): string[] => {
    const names: string[] = [];
    const visit = (_type: number, start: number, end: number): void =>
      void names.push(reader.bytes.toString('latin1', start, end));
    const fd = reader.open(directory);
    try {
      while (reader.visitSome(fd, visit));
    } finally {
      reader.close(fd);
    }
    return names.sort();
  };

  return (slot) => {
    const start = slot * slotBytes;
    const directory = Buffer.from(memory.bytes.subarray(start, start + memory.lengths(slot).bytes));
    const names = namesIn(directory);
    const text = names.join('\0');
    if (statAt(0, text.length, names.length) > slotBytes) return false;
    memory.bytes.write(text, start, 'latin1');
    memory.setLengths(slot, { bytes: text.length, count: names.length });
    for (const [index, name] of names.entries()) {
      const at = statAt(slot, text.length, index);
      // No mode is 0: whoever finds it asks again, and hears why that is no node.
      if (libc.lstat(path.write({ directory, name }), address + BigInt(at)) !== 0)
        memory.bytes.fill(0, at + modeAt, at + modeAt + 4);
    }
    return true;
  };
}

/** True when the last names, enough to tell, took so long that they came from a disk and not from the cache. */
function slowness(memory: AheadMemory): (slot: number, tookMs: number) => boolean {
  let names = 0;
  let ms = 0;
  return (slot, tookMs) => {
    names += memory.lengths(slot).count;
    ms += tookMs;
    if (names < namesToTell) return false;
    const isSlow = ms / names > slowMsPerNode;
    names = 0;
    ms = 0;
    return isSlow;
  };
}

function readAhead(memory: AheadMemory): void {
  const read = bindReading(memory);
  if (!read) return;
  const isSlow = slowness(memory);
  while (!memory.isStopped) {
    const { wakes } = memory;
    const slot = nextSlot(memory);
    if (slot === undefined) {
      memory.sleep(wakes);
      continue;
    }
    if (!memory.change(slot, slotStates.asked, slotStates.taken)) continue;
    let isRead = false;
    const startedMs = systemClock.monotonicMs();
    try {
      isRead = read(slot);
    } catch {
      // The walk meets the same error, and reports it.
    }
    // One after the other is no way to read from a disk: the walk then does it by itself, many at once.
    if (isRead && isSlow(slot, systemClock.monotonicMs() - startedMs)) memory.stop();
    memory.set(slot, isRead ? slotStates.read : slotStates.failed);
  }
}

readAhead(new AheadMemory(workerData as SharedAhead));
