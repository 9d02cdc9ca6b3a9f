import { lstatSync, readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { Needs } from '../source.ts';
import type { ChosenPaths } from './chosen-paths.ts';
import { findMarker, type Marker } from './marker.ts';
import type { OwnerNames } from './owner-names.ts';
import { Pace } from './pace.ts';
import type { DirectoryFilter } from './path-filter.ts';
import { parentPath } from './paths.ts';
import { inLatin1, locationOf, pathOfName } from './place.ts';
import type { FoundNode, ReportProblem } from './read-node.ts';
import { mayHaveHoles, newNode, readContent, readFacts, readNames, smallFileBytes, statNode } from './read-node.ts';

/** Where to walk, and what to leave out. */
export interface WalkOptions {
  /** Absolute; a symlink has been resolved. */
  readonly root: Buffer;
  readonly filter: DirectoryFilter;
  readonly ignoreFiles: readonly string[];
  readonly oneFileSystem: boolean;
  /** Files larger than so many bytes are left out. */
  readonly maxFileBytes: number;
  /** What of the tree is walked; all of it unless given. */
  readonly chosen?: ChosenPaths | undefined;
  /** A directory that has one of these is empty but for it. */
  readonly markers?: readonly Marker[] | undefined;
  /** Metadata of directories and sizes of files only: for an estimate. */
  readonly measureOnly?: boolean;
  /** What is read of a file; all of it unless given. */
  readonly needs?: Needs | undefined;
  readonly owners: OwnerNames;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly report: ReportProblem;
}

/** A directory under way: what is left of it, and the rules within. */
interface Frame {
  /** Relative to the root, and in the file system. */
  readonly path: Buffer;
  readonly location: Buffer;
  readonly names: readonly string[];
  readonly filter: DirectoryFilter;
  next: number;
  /** Undefined where a file vanished before its content was read. */
  batch: (FoundNode | undefined)[];
  taken: number;
  /** Up to where contents have been read, or are known not to be needed. */
  filled: number;
}

const batchSize = 32;

function readIgnoreFile(
  directory: Buffer,
  names: readonly string[],
  ignoreFiles: readonly string[],
): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const ignoreFile of ignoreFiles) {
    const name = inLatin1(ignoreFile);
    if (!names.includes(name)) continue;
    const location = pathOfName(directory, name);
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
    const { path } = node;
    const location = locationOf(node);
    let names = node.names ?? [];
    const leading = chosen?.namesIn(path);
    if (leading) names = leading;
    else if (oneFileSystem && this.isForeign(node)) names = [];
    else names = findMarker(location, names, markers) ?? names;
    const inner = filter.enter(path, readIgnoreFile(location, names, ignoreFiles));
    return { path, location, names, filter: inner, next: 0, batch: [], taken: 0, filled: 0 };
  }

  /** True on another file system than that of whatever was chosen above. */
  private isForeign({ path, stats }: FoundNode): boolean {
    const { chosen } = this.options;
    if (chosen && path.length > 0 && chosen.namesIn(parentPath(path))) this.devices.add(stats.deviceId);
    return !this.devices.has(stats.deviceId);
  }

  /** Looks at the next names of a directory; false when there are none. */
  private async fillBatch(frame: Frame): Promise<boolean> {
    if (frame.next >= frame.names.length) return false;
    this.options.signal.throwIfAborted();
    const names = frame.names.slice(frame.next, frame.next + batchSize);
    frame.next += names.length;
    frame.batch = await this.pace.read({
      part: 'nodes',
      count: names.length,
      locations: () => names.map((name) => pathOfName(frame.location, name)),
      read: () => this.readNodes(frame, names),
    });
    frame.taken = 0;
    frame.filled = this.options.measureOnly ? frame.batch.length : 0;
    return true;
  }

  private readNodes(frame: Frame, names: readonly string[]): FoundNode[] {
    const nodes: FoundNode[] = [];
    for (const name of names) {
      const node = this.readOne(frame, name);
      if (node) nodes.push(node);
    }
    return nodes;
  }

  /** A node as lstat tells of it; of a directory all. */
  private readOne(frame: Frame, name: string): FoundNode | undefined {
    const { options } = this;
    const place = { directory: frame.location, name };
    const path = pathOfName(frame.path, name);
    const stats = statNode(place, path, options.report);
    if (!stats) return undefined;
    const isDirectory = stats.type === 'directory';
    const decision = frame.filter.decide(path, isDirectory);
    if (decision === 'skip' || (stats.type === 'file' && stats.sizeBytes > options.maxFileBytes)) return undefined;
    const node = newNode(place, { path, stats }, options);
    if (!node) return undefined;
    node.traverse = decision === 'traverse';
    if (!isDirectory) return node;
    if (options.measureOnly) measureDirectory(node);
    else if (!readFacts(node, options)) return undefined;
    return node;
  }

  /** Asks for what stands before the next directory, in the order of the entries, and reads what is needed. */
  private async fillContents(frame: Frame): Promise<void> {
    const { needs } = this.options;
    const { batch, filled: from } = frame;
    // What stands behind a directory comes after what is in it.
    const end = Math.max(from + 1, indexOfDirectory(batch, from));
    if (needs) {
      for (let at = from; at < end; at += 1) {
        const node = batch[at];
        if (!node || node.names) continue;
        const answer = needs(node.entry);
        node.need = typeof answer === 'string' ? answer : await answer;
        if (node.need === 'in-place' && (this.pace.isSlow() || !mayBeReadInPlace(node))) node.need = 'content';
      }
    }
    await this.pace.read({
      part: 'contents',
      count: end - from,
      locations: () => batch.slice(from, end).flatMap((node) => (node && isSmall(node) ? [locationOf(node)] : [])),
      read: () => {
        for (let at = from; at < end; at += 1) {
          const node = batch[at];
          if (node && !node.names && !this.readRest(node)) batch[at] = undefined;
        }
      },
    });
    frame.filled = end;
  }

  private readRest(node: FoundNode): boolean {
    if (node.need === 'nothing' && node.stats.type === 'file') {
      node.entry.asBefore = true;
      return true;
    }
    return readFacts(node, this.options) && (node.need !== 'content' || readContent(node, this.options));
  }
}

/** A small file without holes or other names. */
function mayBeReadInPlace({ stats }: FoundNode): boolean {
  const { type, sizeBytes, links } = stats;
  return type === 'file' && sizeBytes > 0 && sizeBytes <= smallFileBytes && links === 1 && !mayHaveHoles(stats);
}

const isSmall = ({ stats, need }: FoundNode): boolean => stats.type === 'file' && need === 'content';

function indexOfDirectory(batch: readonly (FoundNode | undefined)[], from: number): number {
  const index = batch.findIndex((node, at) => at >= from && node?.names);
  return index < 0 ? batch.length : index;
}

function measureDirectory(node: FoundNode): void {
  try {
    node.names = readNames(locationOf(node));
  } catch {
    node.names = []; // the reading proper reports it
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
  return new TreeWalk(options, rootNode.stats.deviceId).run(rootNode);
}
