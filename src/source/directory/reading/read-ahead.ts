import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { findDirectoryReader } from '../../../base/directory-reader.ts';
import { AheadMemory, slotBytes, slotCount, slotStates, statAt } from './ahead-memory.ts';
import { type FileStats, statLayout, type StatLayout, StatRoom } from '../file-stats.ts';
import { readNames } from './read-node.ts';
import { hasNativeStatCalls, statPlace } from './stat-calls.ts';

/** What is in a directory. */
export interface Inside {
  /** In latin1, ascending. */
  readonly names: readonly string[];
  /** Of each name, in the same order; undefined, or none, where that is not known. */
  readonly stats: readonly (FileStats | undefined)[];
}

/** Longer without a turn of the event loop, and timers and sockets would wait for us. */
const longestWaitMs = 10;

/** True where a thread can read ahead, and has a processor to do so. */
export const canReadAhead = (): boolean =>
  availableParallelism() > 1 && findDirectoryReader() !== undefined && hasNativeStatCalls();

/** So many directories are read here at most while another is waited for. */
const mostInstead = 4;
/** Of more names nothing else is asked here: that would take too long. */
const mostHere = 500;

function statOrNone(directory: Buffer, name: string): FileStats | undefined {
  try {
    return statPlace({ directory, name });
  } catch {
    return undefined;
  }
}

/** What is in a directory; undefined where it can't be read: who needs it meets the same error, and reports it. */
function readInside(location: Buffer): Inside | undefined {
  try {
    const names = readNames(location);
    return { names, stats: names.slice(0, mostHere).map((name) => statOrNone(location, name)) };
  } catch {
    return undefined;
  }
}

/** A thread that waits for what is asked in its memory. */
interface WaitingThread {
  readonly memory: AheadMemory;
  readonly thread: Worker;
}

/** Nobody waits for its end. */
function startThread(): WaitingThread {
  const memory = new AheadMemory();
  const file = import.meta.url.endsWith('.ts') ? './read-ahead-thread.ts' : './read-ahead-thread.js';
  const thread = new Worker(new URL(file, import.meta.url), {
    workerData: memory.shared,
    // FFI is called on purpose (docs/decisions/0004): its warning would stand in every user's output.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  thread.on('error', () => {}); // it only was a help
  thread.unref();
  return { memory, thread };
}

let prepared: WaitingThread | undefined;

/** Starts the thread of the next walk, whose start takes 40 ms, while other things are still to be done here. */
export function prepareToReadAhead(): void {
  if (prepared || !canReadAhead()) return;
  try {
    prepared = startThread();
  } catch {
    // no room for one more thread: the walk finds out for itself
  }
}

/** Ends the thread that `prepareToReadAhead` has started, for who will not need it soon: it holds 10 MB. */
export function dismissPrepared(): void {
  prepared?.memory.stop();
  prepared = undefined;
}

/**
 * Reads directories in a thread, ahead of who asks for them in advance. All of it is a help that may fail at any time: of
 * what is not read, or could not be, nothing is known, and who wants it reads it himself. In memory of a fixed size.
 */
export class ReadAhead<Key> {
  private readonly memory: AheadMemory;
  private readonly stats: StatRoom;
  private readonly slots = new Map<Key, number>();
  /** What was read here, in the place of the thread. */
  private readonly readHere = new Map<Key, Inside>();
  private readonly free = Array.from({ length: slotCount }, (_, slot) => slot);
  private order = 0;
  private isOver = false;

  constructor() {
    const { memory, thread } = prepared ?? startThread();
    prepared = undefined;
    this.memory = memory;
    this.stats = new StatRoom(statLayout as StatLayout, memory.bytes);
    thread.on('exit', () => (this.isOver = true));
  }

  /** True while more can be asked for. */
  get hasRoom(): boolean {
    return this.free.length > 0 && !this.isOver && !this.memory.isStopped;
  }

  /** True where it is worth waking the thread for more of a directory of which something has been asked. */
  get hasMuchRoom(): boolean {
    return this.free.length >= slotCount / 4;
  }

  /** Asks for the directory at `location`, which is `depth` levels deep: the deepest come first. Only where there is room. */
  ask(key: Key, location: Buffer, depth: number): void {
    if (location.length > slotBytes) return;
    const slot = this.free.pop() as number;
    const { memory } = this;
    this.slots.set(key, slot);
    memory.bytes.set(location, slot * slotBytes);
    memory.setLengths(slot, { bytes: location.length, count: 0 });
    memory.setRank(slot, { depth, order: this.order++ });
    memory.set(slot, slotStates.asked);
  }

  /** To be called when all has been asked for. */
  begin(): void {
    this.memory.wake();
  }

  /** What was found in a directory that was asked for; undefined where nothing is known. Waits where it is being read. */
  async take(key: Key): Promise<Inside | undefined> {
    const slot = this.slots.get(key);
    if (slot === undefined) return this.takeFromHere(key);
    const { memory } = this;
    this.slots.delete(key);
    if (!memory.change(slot, slotStates.asked, slotStates.free)) {
      let readInstead = 0;
      while (memory.state(slot) === slotStates.taken) {
        if (this.isOver) return undefined;
        // While the thread is at what is wanted next, something else is read here rather than waited.
        if (readInstead < mostInstead && this.readLast()) readInstead += 1;
        else {
          memory.waitFor(slot, longestWaitMs);
          await nextTurn();
        }
      }
    }
    const inside = memory.state(slot) === slotStates.read ? this.inside(slot) : undefined;
    memory.set(slot, slotStates.free);
    this.free.push(slot);
    return inside;
  }

  /** Forgets the directory that is needed last, where that is less deep than `depth`: there is room again then. */
  makeRoom(depth: number): void {
    let last: { readonly key: Key; readonly slot: number; readonly depth: number } | undefined;
    for (const [key, slot] of this.slots) {
      const rank = this.memory.rank(slot);
      if (rank.depth < depth && (last === undefined || rank.depth <= last.depth)) last = { key, slot, ...rank };
    }
    if (last === undefined) return;
    const { memory } = this;
    const { key, slot } = last;
    const isOurs = memory.change(slot, slotStates.asked, slotStates.free) || memory.state(slot) !== slotStates.taken;
    if (!isOurs) return;
    this.slots.delete(key);
    memory.set(slot, slotStates.free);
    this.free.push(slot);
  }

  private takeFromHere(key: Key): Inside | undefined {
    const inside = this.readHere.get(key);
    this.readHere.delete(key);
    return inside;
  }

  /** Reads what the thread would come to last; false where it has come to all. */
  private readLast(): boolean {
    const { memory } = this;
    // Those that were asked for last stand last, and are among the deepest.
    const last = [...this.slots].findLast(([, slot]) => memory.state(slot) === slotStates.asked);
    if (!last) return false;
    const [key, slot] = last;
    if (!memory.change(slot, slotStates.asked, slotStates.free)) return true;
    const start = slot * slotBytes;
    const inside = readInside(Buffer.from(memory.bytes.subarray(start, start + memory.lengths(slot).bytes)));
    this.slots.delete(key);
    this.free.push(slot);
    if (inside) this.readHere.set(key, inside);
    return true;
  }

  /** Ends the thread. */
  stop(): void {
    this.memory.stop();
  }

  private inside(slot: number): Inside {
    const { bytes: nameBytes, count } = this.memory.lengths(slot);
    const start = slot * slotBytes;
    const names = count === 0 ? [] : this.memory.bytes.toString('latin1', start, start + nameBytes).split('\0');
    const stats = names.map((_, index) => {
      const at = statAt(slot, nameBytes, index);
      return this.stats.isEmpty(at) ? undefined : this.stats.read(at);
    });
    return { names, stats };
  }
}
