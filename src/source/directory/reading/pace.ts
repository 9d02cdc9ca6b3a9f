import { close, constants, lstat, open, read, readdir } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Clock } from '../../../base/clock.ts';
import { isOnNetwork } from '../../../base/network-file-system.ts';
import { smallFileBytes } from './read-node.ts';
import { slowMsPerNode } from './slow-disk.ts';

/** Longer without a turn of the event loop, and timers and sockets would wait for us. */
const longestTurnMs = 10;
/** So many in a row, since a busy machine makes single ones slow. */
const slowInARow = 3;
const warmedBatches = 16;

/** What is read of a batch: what the nodes are, with the names in directories; or what is in them. */
type Part = 'nodes' | 'contents';

async function warmNode(location: Buffer): Promise<void> {
  const stats = await promisify(lstat)(location);
  if (stats.isDirectory()) await promisify(readdir)(location, { encoding: 'buffer' });
}

async function warmContent(location: Buffer): Promise<void> {
  const { size } = await promisify(lstat)(location);
  if (size > smallFileBytes) return;
  const fd = await promisify(open)(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (size > 0) await promisify(read)(fd, Buffer.allocUnsafe(size), 0, size, 0);
  } finally {
    await promisify(close)(fd);
  }
}

/** Asks for a path in the thread pool, so that the synchronous reading that follows finds it in the system's cache. */
async function warm(location: Buffer, part: Part): Promise<void> {
  try {
    await (part === 'nodes' ? warmNode(location) : warmContent(location));
  } catch {
    // the reading proper meets the same error, and reports it
  }
}

/** How the last batches went. */
interface Pulse {
  slowSeen: number;
  warmedLeft: number;
}

export interface Batch<Result> {
  readonly part: Part;
  /** How many are read. */
  readonly count: number;
  /** The paths of those; asked for only where they are to be warmed. */
  readonly locations: () => readonly Buffer[];
  readonly read: () => Result;
}

/**
 * Decides how a batch is read. Synchronous calls cost a third of the CPU time of Node's asynchronous ones, but block:
 * where they have been slow, or may be (a network), each batch is first read in parallel in the thread pool.
 */
export class Pace {
  private readonly clock: Clock;
  private readonly always: boolean;
  private readonly pulses: Readonly<Record<Part, Pulse>> = {
    nodes: { slowSeen: 0, warmedLeft: 0 },
    contents: { slowSeen: 0, warmedLeft: 0 },
  };
  private turnStartedMs: number;

  constructor(root: Buffer, clock: Clock) {
    this.clock = clock;
    this.always = isOnNetwork(root);
    this.turnStartedMs = clock.monotonicMs();
  }

  /** True where one call may take long: then those who read one file after the other would wait for each. */
  isSlow(): boolean {
    return this.always || this.pulses.nodes.warmedLeft > 0;
  }

  async read<Result>({ part, count, locations, read: readAll }: Batch<Result>): Promise<Result> {
    const pulse = this.pulses[part];
    if (this.always || pulse.warmedLeft > 0) {
      pulse.warmedLeft -= 1;
      await Promise.all(locations().map((location) => warm(location, part)));
    } else if (this.clock.monotonicMs() - this.turnStartedMs > longestTurnMs) {
      await nextTurn();
      this.turnStartedMs = this.clock.monotonicMs();
    }
    const startedMs = this.clock.monotonicMs();
    const result = readAll();
    const msPerNode = (this.clock.monotonicMs() - startedMs) / Math.max(1, count);
    if (count > 1) pulse.slowSeen = msPerNode > slowMsPerNode ? pulse.slowSeen + 1 : 0;
    if (pulse.slowSeen >= slowInARow) {
      pulse.slowSeen = 0;
      pulse.warmedLeft = warmedBatches;
    }
    return result;
  }
}
