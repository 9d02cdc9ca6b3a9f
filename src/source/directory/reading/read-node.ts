import { closeSync, lstatSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { systemCode } from '../../../base/errors.ts';
import { openForReading } from '../../../base/known-file.ts';
import { KiB } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Need, Problem } from '../../source.ts';
import type { FileStats } from '../file-stats.ts';
import { findNativeFs } from '../native-fs.ts';
import { type EntryDraft, newEntry } from './new-entry.ts';
import type { OwnerNames } from '../owner-names.ts';
import { showPath } from '../paths.ts';
import { locationOf, type Place } from '../place.ts';
import { statOpen, statPlace } from './stat-calls.ts';

/** A file up to this size is read as a whole before it is yielded. */
export const smallFileBytes = 256 * KiB;

/** One node of the file system, as found; what becomes known of it is added. */
export interface FoundNode extends Place {
  /** Relative to the root. */
  readonly path: Buffer;
  stats: FileStats;
  /** All that is known of it but a file's content. */
  entry: EntryDraft;
  /** Of a directory: the names in it, in latin1, ascending; undefined until they have been read. */
  names: readonly string[] | undefined;
  /** Of a directory: what is known of each of its names, until it is entered. */
  inside: readonly (FileStats | undefined)[] | undefined;
  /** Of a small file: all of it. */
  content: Buffer | undefined;
  /** Of a file. */
  need: Need;
  /** A directory that only counts if something in it does. */
  traverse: boolean;
}

export type ReportProblem = (problem: Problem) => void;

/** What nodes are read with. */
export interface NodeReading {
  readonly owners: OwnerNames;
  readonly report: ReportProblem;
  /** Entries tell when they were last read, before we do. */
  readonly accessTimes?: boolean | undefined;
}

/** Reports a failed system call on `path`: gone means vanished, anything else unreadable. */
export function reportFailure(report: ReportProblem, path: Buffer, error: unknown): void {
  const vanished = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
  report({
    path: showPath(path),
    kind: vanished ? 'vanished' : 'unreadable',
    message: vanished ? 'It was removed before it could be read.' : `It can't be read: ${messageOf(error)}.`,
  });
}

/** True when fewer blocks are stored than the size needs: a sparse file, or one that the file system compresses. */
export function mayHaveHoles({ blocks, sizeBytes }: FileStats): boolean {
  return blocks * 512 < sizeBytes;
}

const tookItsPlace = 'Something else took its place before it was read.';

const slabBytes = 256 * KiB;
/** Contents up to this size share slabs: V8 counts and collects each piece of memory of its own. */
const mostOfSlab = 32 * KiB;
let slab = Buffer.alloc(0);
let slabUsed = 0;

function allocate(size: number): Buffer {
  if (size > mostOfSlab) return Buffer.allocUnsafeSlow(size);
  if (slab.length - slabUsed < size) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    slabUsed = 0;
  }
  slabUsed += size;
  return slab.subarray(slabUsed - size, slabUsed);
}

function readWhole(fd: number, size: number): Buffer {
  const buffer = allocate(size);
  let used = 0;
  while (used < size) {
    const count = readSync(fd, buffer, used, size - used, used);
    if (count === 0) break;
    used += count;
  }
  return used === size ? buffer : buffer.subarray(0, used);
}

const sameState = (a: FileStats, b: FileStats): boolean => a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs;

/** Tries for a copy of one moment; a file that won't hold still comes as it was last seen, and is reported. */
function readSmallFile(
  fd: number,
  file: { readonly path: Buffer; readonly opened: FileStats },
  report: ReportProblem,
): { readonly content: Buffer; readonly stats: FileStats } | undefined {
  let stats = file.opened;
  let content: Buffer = Buffer.alloc(0);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    content = readWhole(fd, stats.sizeBytes);
    const after = statOpen(fd);
    if (sameState(stats, after) && content.length === stats.sizeBytes) return { content, stats };
    if (after.sizeBytes > smallFileBytes) return undefined; // grown large: it is streamed
    stats = after;
  }
  report({
    path: showPath(file.path),
    kind: 'changed',
    message: `It changed each of three times that it was read; ${content.length} bytes were taken.`,
  });
  return { content, stats };
}

/** Takes what an open file says of itself; what was found at its place may have been another. */
export function takeStats(node: FoundNode, stats: FileStats, owners: OwnerNames): void {
  const { ctimeNs, inode, sizeBytes, mtimeNs } = node.stats;
  const same = stats.ctimeNs === ctimeNs && stats.inode === inode;
  if (!same || stats.sizeBytes !== sizeBytes || stats.mtimeNs !== mtimeNs) {
    const { extendedAttributes, atimeNs } = node.entry;
    node.entry = newEntry(node.path, stats, owners);
    if (extendedAttributes) node.entry.extendedAttributes = extendedAttributes;
    if (atimeNs !== undefined) node.entry.atimeNs = atimeNs;
  }
  node.stats = stats;
}

/** A regular file: its metadata is that of the descriptor the content is read from, so that both belong together. */
function readFile(node: FoundNode, { owners, report }: NodeReading): boolean {
  const { path, stats } = node;
  if (stats.sizeBytes > smallFileBytes || mayHaveHoles(stats)) return true;
  const fd = openForReading(locationOf(node));
  try {
    const opened = statOpen(fd);
    if (opened.type !== 'file') {
      report({ path: showPath(path), kind: 'vanished', message: tookItsPlace });
      return false;
    }
    if (opened.sizeBytes > smallFileBytes || mayHaveHoles(opened)) return true;
    const small = readSmallFile(fd, { path, opened }, report);
    if (!small) return true;
    takeStats(node, small.stats, owners);
    node.content = small.content;
    return true;
  } finally {
    closeSync(fd);
  }
}

/** The names in a directory, in latin1, ascending. */
export function readNames(location: Buffer): string[] {
  return readdirSync(location, { encoding: 'latin1' }).sort();
}

/** In place of the true one: whoever compares it finds a change, and asks for all again. */
const unknownCtimeNs = 0n;

function readXattrs(node: FoundNode, report: ReportProblem): void {
  const onOddName = (name: Buffer): void =>
    report({
      path: showPath(node.path),
      kind: 'unsupported',
      message: `Its extended attribute "${showPath(name)}" is left out: the name is not UTF-8.`,
    });
  try {
    const attributes = findNativeFs()?.listXattrs(node, onOddName);
    if (attributes && attributes.length > 0) node.entry.extendedAttributes = attributes;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error;
    node.entry.ctimeNs = unknownCtimeNs;
    report({
      path: showPath(node.path),
      kind: 'unreadable',
      message: `Its extended attributes can't be read: ${messageOf(error)}.`,
    });
  }
}

/** What may be said of a path before it is read in full; undefined, and a problem, where lstat fails. */
export function statNode(place: Place, path: Buffer, report: ReportProblem): FileStats | undefined {
  try {
    return statPlace(place);
  } catch (error) {
    reportFailure(report, path, error);
    return undefined;
  }
}

/** Asked apart: it is rarely wanted, and stats are held for each of many nodes. */
function readAtime(place: Place): bigint | undefined {
  return lstatSync(locationOf(place), { bigint: true, throwIfNoEntry: false })?.atimeNs;
}

/** A node of which no more is known than its stats; undefined, and a problem, for a socket. */
export function newNode(
  { directory, name }: Place,
  found: { readonly path: Buffer; readonly stats: FileStats },
  { owners, report, accessTimes = false }: NodeReading,
): FoundNode | undefined {
  const { path, stats } = found;
  if (stats.type !== 'socket') {
    const entry = newEntry(path, stats, owners);
    const atimeNs = accessTimes ? readAtime({ directory, name }) : undefined;
    if (atimeNs !== undefined) entry.atimeNs = atimeNs;
    const unknown = { names: undefined, inside: undefined, content: undefined };
    return { directory, name, path, stats, entry, ...unknown, need: 'content', traverse: false };
  }
  report({
    path: showPath(path),
    kind: 'unsupported',
    message: 'It is a socket: only its program can make it again.',
  });
  return undefined;
}

/**
 * Reads what is missing of a node but a file's content. What can't be read is reported; false where nothing is left to
 * tell.
 */
export function readFacts(node: FoundNode, { report }: NodeReading): boolean {
  const { type } = node.stats;
  try {
    readXattrs(node, report);
    if (type === 'directory') return node.names !== undefined || readNamesOrReport(node, report);
    if (type === 'symlink') node.entry.linkTarget = readlinkSync(locationOf(node), { encoding: 'buffer' });
    return true;
  } catch (error) {
    reportFailure(report, node.path, error);
    return false;
  }
}

function readNamesOrReport(node: FoundNode, report: ReportProblem): boolean {
  try {
    node.names = readNames(locationOf(node));
    return true;
  } catch (error) {
    reportFailure(report, node.path, error);
    // Its metadata is known, and told; what is in it is not.
    node.names = [];
    return systemCode(error) !== 'ENOENT';
  }
}

/** The content of a small file; false, and a problem, where it is none any more. */
export function readContent(node: FoundNode, reading: NodeReading): boolean {
  if (node.stats.type !== 'file') return true;
  try {
    return readFile(node, reading);
  } catch (error) {
    reportFailure(reading.report, node.path, error);
    return false;
  }
}

/** A file as it is now, with its content if it is small; undefined, and a problem, where it is none any more. */
export function findAgain(before: Place & Pick<FoundNode, 'path'>, reading: NodeReading): FoundNode | undefined {
  const { path } = before;
  const stats = statNode(before, path, reading.report);
  if (!stats) return undefined;
  if (stats.type !== 'file') {
    reading.report({ path: showPath(path), kind: 'vanished', message: tookItsPlace });
    return undefined;
  }
  const node = newNode(before, { path, stats }, reading);
  return node && readFacts(node, reading) && readContent(node, reading) ? node : undefined;
}
