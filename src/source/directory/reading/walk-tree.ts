import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { MiB } from '../../../base/bytes.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Needs } from '../../source.ts';
import type { ChosenPaths } from './chosen-paths.ts';
import { findMarker, type Marker } from './marker.ts';
import type { OwnerNames } from '../owner-names.ts';
import { Pace } from './pace.ts';
import type { DirectoryFilter } from './path-filter.ts';
import { parentPath } from '../paths.ts';
import { inLatin1, locationOf, pathOfName, type Place, placeOf } from '../place.ts';
import type { FileStats } from '../file-stats.ts';
import { canReadAhead, dismissPrepared, ReadAhead } from './read-ahead.ts';
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
  /** After so many names a thread reads ahead, where it can; 400 unless given. */
  readonly namesBeforeThread?: number | undefined;
  /** What is read of a file; all of it unless given. */
  readonly needs?: Needs | undefined;
  /** Entries tell when they were last read. */
  readonly accessTimes?: boolean | undefined;
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
  /** Of each name, in the same order, what is known ahead of its turn. */
  readonly stats: readonly (FileStats | undefined)[];
  readonly filter: DirectoryFilter;
  /** How many directories lead here. */
  readonly depth: number;
  next: number;
  /** Undefined where a file vanished before its content was read. */
  batch: (FoundNode | undefined)[];
  taken: number;
  /** Up to where contents have been read, or are known not to be needed. */
  filled: number;
  /** Up to where it has been asked ahead what is in directories. */
  asked: number;
}

/** A tree with so many names may be large enough to be worth a thread, whose start takes the time of some thousands. */
const usualNamesBeforeThread = 400;

/** So many names of a directory are looked at in one go: enough for the thread that reads ahead to have work until the next. */
const namesAtOnce = 128;
/** A file that takes longer to read than a thread takes to start: until then none need wait for what comes behind it. */
const longFileBytes = 64 * MiB;
/** The contents of so many small files are held at once. */
const contentsAtOnce = 32;

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
  private namesSeen = 0;
  private ahead: ReadAhead<FoundNode> | undefined;

  constructor(options: WalkOptions, rootDevice: bigint) {
    this.options = options;
    this.devices = new Set([rootDevice]);
    this.pace = new Pace(options.root, options.clock);
  }

  async *run(rootNode: FoundNode): AsyncGenerator<readonly FoundNode[], void, undefined> {
    try {
      yield* this.walk(rootNode);
    } finally {
      this.ahead?.stop();
    }
  }

  private async *walk(rootNode: FoundNode): AsyncGenerator<readonly FoundNode[], void, undefined> {
    yield [rootNode];
    const stack: Frame[] = [this.enter(rootNode, { filter: this.options.filter, depth: 0 })];
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      if (frame.taken >= frame.batch.length && !(await this.fillBatch(frame))) {
        stack.pop();
        if (this.held.at(-1)?.path === frame.path) this.held.pop();
        continue;
      }
      if (frame.taken >= frame.filled) await this.fillContents(frame);
      const nodes = this.takeNodes(frame);
      if (!this.ahead && nodes.some(isLong)) dismissPrepared();
      if (nodes.length > 0) yield nodes;
      const last = frame.batch[frame.taken - 1];
      if (last?.names) stack.push(this.enter(last, { filter: frame.filter, depth: frame.depth + 1 }));
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
      if (isDirectory(node)) break;
    }
    return nodes;
  }

  private enter(node: FoundNode, { filter, depth }: Pick<Frame, 'filter' | 'depth'>): Frame {
    const { oneFileSystem, chosen, ignoreFiles, markers = [] } = this.options;
    const { path } = node;
    const location = locationOf(node);
    let names = node.names ?? [];
    const leading = chosen?.namesIn(path);
    if (leading) names = leading;
    else if (oneFileSystem && this.isForeign(node)) names = [];
    else names = findMarker(location, names, markers) ?? names;
    const inner = filter.enter(path, readIgnoreFile(location, names, ignoreFiles));
    const stats = (names === node.names && node.inside) || [];
    node.inside = undefined;
    this.count(names.length);
    return { path, location, names, stats, filter: inner, depth, next: 0, batch: [], taken: 0, filled: 0, asked: 0 };
  }

  /** Starts the thread that reads ahead once that is worth it. */
  private count(names: number): void {
    const { namesBeforeThread = usualNamesBeforeThread, measureOnly = false } = this.options;
    const before = this.namesSeen;
    this.namesSeen += names;
    if (measureOnly || before >= namesBeforeThread || this.namesSeen < namesBeforeThread) return;
    if (this.pace.isSlow() || !canReadAhead()) return;
    try {
      this.ahead = new ReadAhead();
    } catch {
      // no room for one more thread: it would only have been a help
    }
  }

  /** Asks ahead what is in the next directories of a batch. */
  private askAhead(frame: Frame): void {
    const { ahead } = this;
    if (!ahead) return;
    const { batch, depth } = frame;
    if (frame.asked > 0 && !ahead.hasMuchRoom) return;
    let asked = 0;
    for (; frame.asked < batch.length; frame.asked += 1) {
      const node = batch[frame.asked];
      if (!node || !isDirectory(node)) continue;
      if (!ahead.hasRoom && asked === 0) ahead.makeRoom(depth);
      if (!ahead.hasRoom) break;
      ahead.ask(node, locationOf(node), depth);
      asked += 1;
    }
    if (asked > 0) ahead.begin();
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
    const from = frame.next;
    frame.next = Math.min(from + namesAtOnce, frame.names.length);
    frame.batch = await this.pace.read({
      part: 'nodes',
      count: frame.next - from,
      locations: () => frame.names.slice(from, frame.next).map((name) => pathOfName(frame.location, name)),
      read: () => this.readNodes(frame, from),
    });
    frame.taken = 0;
    frame.asked = 0;
    frame.filled = this.options.measureOnly ? frame.batch.length : 0;
    this.askAhead(frame);
    return true;
  }

  private readNodes(frame: Frame, from: number): FoundNode[] {
    const nodes: FoundNode[] = [];
    for (let at = from; at < frame.next; at += 1) {
      const node = this.readOne(frame, at);
      if (node) nodes.push(node);
    }
    return nodes;
  }

  /** A node as lstat tells of it. */
  private readOne(frame: Frame, at: number): FoundNode | undefined {
    const { options } = this;
    const name = frame.names[at] as string;
    const path = pathOfName(frame.path, name);
    const link = { directory: frame.location, name };
    const found = frame.stats[at] ?? statNode(link, path, options.report);
    const place = found?.type === 'symlink' && options.chosen?.leadBelow(path) ? behindLink(link) : link;
    const stats = place === link ? found : statNode(place, path, options.report);
    if (!stats) return undefined;
    const decision = frame.filter.decide(path, stats.type === 'directory');
    if (decision === 'skip' || (stats.type === 'file' && stats.sizeBytes > options.maxFileBytes)) return undefined;
    const node = newNode(place, { path, stats }, options);
    if (!node) return undefined;
    node.traverse = decision === 'traverse';
    if (options.measureOnly && isDirectory(node)) measureDirectory(node);
    return node;
  }

  /** Reads all of the directory whose turn it is. */
  private async fillDirectory(frame: Frame, node: FoundNode): Promise<void> {
    const known = await this.ahead?.take(node);
    node.names = known?.names;
    node.inside = known?.stats;
    if (!readFacts(node, this.options)) frame.batch[frame.filled] = undefined;
    frame.filled += 1;
    this.askAhead(frame);
  }

  /** Asks for what stands before the next directory, in the order of the entries, and reads what is needed. */
  private async fillContents(frame: Frame): Promise<void> {
    const { needs } = this.options;
    const { batch, filled: from } = frame;
    const first = batch[from];
    if (first && isDirectory(first)) return this.fillDirectory(frame, first);
    // What stands behind a directory comes after what is in it.
    const end = Math.min(indexOfDirectory(batch, from), from + contentsAtOnce);
    if (needs) {
      for (let at = from; at < end; at += 1) {
        const node = batch[at];
        if (!node) continue;
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
          if (node && !this.readRest(node)) batch[at] = undefined;
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

/** Where a symlink leads, on the way to a path that was chosen: what is chosen is in there. The link itself where it leads nowhere. */
function behindLink(link: Place): Place {
  try {
    return placeOf(realpathSync.native(locationOf(link), { encoding: 'buffer' }));
  } catch {
    return link;
  }
}

/** A small file without holes or other names. */
function mayBeReadInPlace({ stats }: FoundNode): boolean {
  const { type, sizeBytes, links } = stats;
  return type === 'file' && sizeBytes > 0 && sizeBytes <= smallFileBytes && links === 1 && !mayHaveHoles(stats);
}

const isSmall = ({ stats, need }: FoundNode): boolean => stats.type === 'file' && need === 'content';

const isLong = ({ stats, need }: FoundNode): boolean =>
  stats.type === 'file' && stats.sizeBytes >= longFileBytes && need !== 'nothing';

const isDirectory = ({ stats }: FoundNode): boolean => stats.type === 'directory';

function indexOfDirectory(batch: readonly (FoundNode | undefined)[], from: number): number {
  const index = batch.findIndex((node, at) => at >= from && node && isDirectory(node));
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
 * each directory under way its names are held, and at most 32 small files (8 MiB). Reads synchronously in
 * short turns.
 */
export function walkTree(
  options: WalkOptions,
  rootNode: FoundNode,
): AsyncGenerator<readonly FoundNode[], void, undefined> {
  return new TreeWalk(options, rootNode.stats.deviceId).run(rootNode);
}
