import { lstat, open, readdir, read, close } from 'node:fs';
import { lstatSync, readFileSync, statfsSync, constants } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { FileState, NeedsContent } from '../source.ts';
import type { DirectoryFilter } from './path-filter.ts';
import type { ChosenPaths } from './chosen-paths.ts';
import { findMarker, type Marker } from './marker.ts';
import { joinPath, parentPath, pathBelow } from './paths.ts';
import type { FoundNode, NodeStats, ReportProblem } from './read-node.ts';
import { readContent, readNames, readNode, readNodeOnly, smallFileBytes, statNode } from './read-node.ts';

/** Where to walk, and what to leave out. */
export interface WalkOptions {
  /** Absolute; a symlink has been resolved. */
  readonly root: Buffer;
  readonly filter: DirectoryFilter;
  readonly ignoreFiles: readonly string[];
  readonly oneFileSystem: boolean;
  /** What of the tree is walked; all of it unless given. */
  readonly chosen?: ChosenPaths | undefined;
  /** A directory that has one of these is empty but for it. */
  readonly markers?: readonly Marker[] | undefined;
  /** Metadata of directories and sizes of files only: for an estimate. */
  readonly measureOnly?: boolean;
  /** Which files' content is read; all small ones unless given. */
  readonly needsContent?: NeedsContent | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly report: ReportProblem;
}

type FoundInBatch = FoundNode & { readonly traverse: boolean };

/** A directory under way: what is left of it, and the rules within. */
interface Frame {
  readonly path: Buffer;
  readonly names: readonly Buffer[];
  readonly filter: DirectoryFilter;
  next: number;
  /** Undefined where a file vanished before its content was read. */
  batch: (FoundInBatch | undefined)[];
  taken: number;
  /** Up to where contents have been read, or are known not to be needed. */
  filled: number;
}

const batchSize = 32;
/** Longer without a turn of the event loop, and timers and sockets would wait for us. */
const longestTurnMs = 10;
/** A batch that takes longer per file than this came from a disk or a network, not from the cache. */
const slowMsPerNode = 0.15;
/** So many in a row, since a busy machine makes single ones slow. */
const slowInARow = 3;
const warmedBatches = 16;

/** File systems where one call may take as long as a network wants (statfs(2)): NFS, SMB, SMB2, FUSE, Ceph, 9P, AFS. */
const networkFileSystems: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x65735546, 0x00c36400, 0x01021997, 0x5346414f,
]);

/** Asks for a path in the thread pool, so that the synchronous reading that follows finds it in the system's cache. */
async function warm(location: Buffer): Promise<void> {
  try {
    const stats = await promisify(lstat)(location);
    if (stats.isDirectory()) await promisify(readdir)(location, { encoding: 'buffer' });
    if (!stats.isFile() || stats.size > smallFileBytes) return;
    const fd = await promisify(open)(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (stats.size > 0) await promisify(read)(fd, Buffer.allocUnsafe(stats.size), 0, stats.size, 0);
    } finally {
      await promisify(close)(fd);
    }
  } catch {
    // the reading proper meets the same error, and reports it
  }
}

/**
 * Decides how a batch is read. Synchronous calls cost a third of the CPU time of Node's asynchronous ones, but block:
 * where they have been slow, or may be (a network), each batch is first read in parallel in the thread pool.
 */
class Pace {
  private readonly clock: Clock;
  private readonly always: boolean;
  private slowSeen = 0;
  private warmedLeft = 0;
  private turnStartedMs: number;

  constructor(root: Buffer, clock: Clock) {
    this.clock = clock;
    this.always = networkFileSystems.has(statfsSync(root).type);
    this.turnStartedMs = clock.monotonicMs();
  }

  async read<Result>(locations: readonly Buffer[], readAll: () => Result): Promise<Result> {
    if (this.always || this.warmedLeft > 0) {
      this.warmedLeft -= 1;
      await Promise.all(locations.map(warm));
    } else if (this.clock.monotonicMs() - this.turnStartedMs > longestTurnMs) {
      await nextTurn();
      this.turnStartedMs = this.clock.monotonicMs();
    }
    const startedMs = this.clock.monotonicMs();
    const result = readAll();
    const msPerNode = (this.clock.monotonicMs() - startedMs) / Math.max(1, locations.length);
    if (locations.length > 1) this.slowSeen = msPerNode > slowMsPerNode ? this.slowSeen + 1 : 0;
    if (this.slowSeen >= slowInARow) {
      this.slowSeen = 0;
      this.warmedLeft = warmedBatches;
    }
    return result;
  }
}

function readIgnoreFile(
  directory: Buffer,
  names: readonly Buffer[],
  ignoreFiles: readonly string[],
): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const ignoreFile of ignoreFiles) {
    const name = Buffer.from(ignoreFile);
    if (!names.some((other) => other.equals(name))) continue;
    const location = pathBelow(directory, name);
    try {
      if (lstatSync(location).isFile()) parts.push(readFileSync(location), Buffer.from('\n'));
    } catch {
      // what can't be read excludes nothing, and is reported when its own turn comes
    }
  }
  return parts.length > 0 ? Buffer.concat(parts) : undefined;
}

/** Walks one tree, once. */
class TreeWalk {
  private readonly options: WalkOptions;
  private readonly pace: Pace;
  /** The file systems that may be read, where not all may. */
  private readonly devices: Set<bigint>;
  /** Directories that count only if something in them does; yielded before the first such. */
  private readonly held: FoundNode[] = [];

  constructor(options: WalkOptions, rootDevice: bigint) {
    this.options = options;
    this.devices = new Set([rootDevice]);
    this.pace = new Pace(options.root, options.clock);
  }

  async *run(rootNode: FoundNode): AsyncGenerator<readonly FoundNode[], void, undefined> {
    yield [rootNode];
    const stack: Frame[] = [this.enter(rootNode, this.options.filter)];
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      if (frame.taken >= frame.batch.length && !(await this.fillBatch(frame))) {
        stack.pop();
        if (this.held.at(-1)?.path === frame.path) this.held.pop();
        continue;
      }
      if (frame.taken >= frame.filled) await this.fillContents(frame);
      const nodes = this.takeNodes(frame);
      if (nodes.length > 0) yield nodes;
      const last = frame.batch[frame.taken - 1];
      if (last?.names) stack.push(this.enter(last, frame.filter));
    }
  }

  /** What of a batch comes before anything else is read: up to the next directory. */
  private takeNodes(frame: Frame): FoundNode[] {
    const nodes: FoundNode[] = [];
    while (frame.taken < frame.filled) {
      const node = frame.batch[frame.taken++];
      if (node === undefined) continue;
      if (node.traverse) this.held.push(node);
      else {
        if (this.held.length > 0) nodes.push(...this.held.splice(0));
        nodes.push(node);
      }
      if (node.names) break;
    }
    return nodes;
  }

  private enter(node: FoundNode, filter: DirectoryFilter): Frame {
    const { oneFileSystem, chosen, ignoreFiles, markers = [] } = this.options;
    let names = node.names ?? [];
    const leading = chosen?.namesIn(node.path);
    if (leading) names = leading;
    else if (oneFileSystem && this.isForeign(node)) names = [];
    else names = findMarker(node.location, names, markers) ?? names;
    const inner = filter.enter(node.path, readIgnoreFile(node.location, names, ignoreFiles));
    return { path: node.path, names, filter: inner, next: 0, batch: [], taken: 0, filled: 0 };
  }

  /** True on another file system than that of whatever was chosen above. */
  private isForeign({ path, stats }: FoundNode): boolean {
    const { chosen } = this.options;
    if (chosen && path.length > 0 && chosen.namesIn(parentPath(path))) this.devices.add(stats.dev);
    return !this.devices.has(stats.dev);
  }

  /** Reads the next names of a directory; false when there are none. */
  private async fillBatch(frame: Frame): Promise<boolean> {
    if (frame.next >= frame.names.length) return false;
    this.options.signal.throwIfAborted();
    const paths = frame.names.slice(frame.next, frame.next + batchSize).map((name) => joinPath(frame.path, name));
    frame.next += paths.length;
    frame.batch = await this.pace.read(
      paths.map((path) => pathBelow(this.options.root, path)),
      () => paths.flatMap((path) => this.readOne(path, frame.filter) ?? []),
    );
    frame.taken = 0;
    frame.filled = this.options.needsContent ? 0 : frame.batch.length;
    return true;
  }

  /** Asks for what stands before the next directory, in the order of the entries, and reads the files that are needed. */
  private async fillContents(frame: Frame): Promise<void> {
    const { needsContent, report } = this.options;
    const { batch, filled: from } = frame;
    const needed: number[] = [];
    // What stands behind a directory comes after what is in it.
    const end = Math.max(from + 1, indexOfDirectory(batch, from));
    for (let at = from; at < end; at += 1) {
      const node = batch[at];
      if (!node || node.names) continue;
      const answer = needsContent?.(stateOf(node)) ?? true;
      if (typeof answer === 'boolean' ? answer : await answer) needed.push(at);
      else if (node.stats.isFile()) batch[at] = { ...node, unneeded: true };
    }
    const locations = needed.map((at) => batch[at]?.location as Buffer);
    await this.pace.read(locations, () => {
      for (const at of needed) {
        const node = batch[at] as FoundInBatch;
        const found = readContent(node, report);
        batch[at] = found && { ...found, traverse: node.traverse };
      }
    });
    frame.filled = end;
  }

  private readOne(path: Buffer, filter: DirectoryFilter): FoundInBatch | undefined {
    const { report, measureOnly, needsContent } = this.options;
    const node = statNode(path, pathBelow(this.options.root, path), report);
    if (!node) return undefined;
    const decision = filter.decide(path, node.stats.isDirectory());
    if (decision === 'skip') return undefined;
    const read = needsContent ? readNodeOnly : readNode;
    const found = measureOnly ? measureNode(node) : read(node, report);
    return found && { ...found, traverse: decision === 'traverse' };
  }
}

const stateOf = ({ path, stats }: FoundNode): FileState => ({
  path,
  mtimeNs: stats.mtimeNs,
  ctimeNs: stats.ctimeNs,
  inode: stats.ino,
  ...(stats.isFile() ? { sizeBytes: Number(stats.size) } : {}),
});

function indexOfDirectory(batch: readonly (FoundInBatch | undefined)[], from: number): number {
  const index = batch.findIndex((node, at) => at >= from && node?.names);
  return index < 0 ? batch.length : index;
}

function measureNode(node: NodeStats): FoundNode {
  const found = { ...node, extendedAttributes: [] };
  if (!node.stats.isDirectory()) return found;
  try {
    return { ...found, names: readNames(node.location) };
  } catch {
    return { ...found, names: [] }; // the reading proper reports it
  }
}

/**
 * Yields the root and what is below it, some at a time: a directory before its content, names ascending by bytes. Of
 * each directory under way its names are held, and at most one batch of small files (8 MiB). Reads synchronously in
 * short turns.
 */
export function walkTree(
  options: WalkOptions,
  rootNode: FoundNode,
): AsyncGenerator<readonly FoundNode[], void, undefined> {
  return new TreeWalk(options, rootNode.stats.dev).run(rootNode);
}
