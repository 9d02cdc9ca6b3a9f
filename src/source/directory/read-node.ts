import type { BigIntStats } from 'node:fs';
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { systemCode } from '../../base/errors.ts';
import { KiB } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import type { ExtendedAttribute, Problem } from '../source.ts';
import { findNativeFs } from './native-fs.ts';
import { showPath } from './paths.ts';

/** A file up to this size is read as a whole before it is yielded. */
export const smallFileBytes = 256 * KiB;

/** One node of the file system, as found: what an entry is made of. */
export interface FoundNode {
  /** Relative to the root. */
  readonly path: Buffer;
  /** Where the file system has it. */
  readonly location: Buffer;
  readonly stats: BigIntStats;
  readonly extendedAttributes: readonly ExtendedAttribute[];
  readonly linkTarget?: Buffer;
  /** Of a directory: the names in it, ascending. */
  readonly names?: readonly Buffer[];
  /** Of a small file: all of it. */
  readonly content?: Buffer;
  /** Of a file: nobody wants its content. */
  readonly unneeded?: boolean;
}

export type ReportProblem = (problem: Problem) => void;

/** Reports a failed system call on `path`: gone means vanished, anything else unreadable. */
export function reportFailure(report: ReportProblem, path: Buffer, error: unknown): void {
  const vanished = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
  report({
    path: showPath(path),
    kind: vanished ? 'vanished' : 'unreadable',
    message: vanished ? 'It was removed before it could be read.' : `It can't be read: ${messageOf(error)}.`,
  });
}

const readWithoutAtime = constants.O_NOATIME;

/**
 * Opens a file for reading. Never hangs on a fifo and never follows a symlink that took the file's place; leaves the
 * access time alone where the system lets us (it is for the file's owner and root).
 */
export function openForReading(location: Buffer): number {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return openSync(location, flags | readWithoutAtime);
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw error;
    return openSync(location, flags);
  }
}

/** True when fewer blocks are stored than the size needs: a sparse file, or one that the file system compresses. */
export function mayHaveHoles(stats: BigIntStats): boolean {
  return stats.blocks * 512n < stats.size;
}

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

const sameState = (a: BigIntStats, b: BigIntStats): boolean => a.size === b.size && a.mtimeNs === b.mtimeNs;

/** Tries for a copy of one moment; a file that won't hold still comes as it was last seen, and is reported. */
function readSmallFile(
  fd: number,
  node: { readonly path: Buffer; readonly stats: BigIntStats },
  report: ReportProblem,
): { readonly content: Buffer; readonly stats: BigIntStats } | undefined {
  let { stats } = node;
  let content: Buffer = Buffer.alloc(0);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    content = readWhole(fd, Number(stats.size));
    const after = fstatSync(fd, { bigint: true });
    if (sameState(stats, after) && BigInt(content.length) === stats.size) return { content, stats };
    if (after.size > smallFileBytes) return undefined; // grown large: it is streamed
    stats = after;
  }
  report({
    path: showPath(node.path),
    kind: 'changed',
    message: `It changed each of three times that it was read; ${content.length} bytes were taken.`,
  });
  return { content, stats };
}

/** A regular file: its metadata is that of the descriptor the content is read from, so that both belong together. */
function readFile(found: FoundNode, report: ReportProblem): FoundNode | undefined {
  const { path, location, stats } = found;
  if (stats.size > smallFileBytes || mayHaveHoles(stats)) return found;
  const fd = openForReading(location);
  try {
    const opened = fstatSync(fd, { bigint: true });
    if (!opened.isFile()) {
      report({ path: showPath(path), kind: 'vanished', message: 'Something else took its place before it was read.' });
      return undefined;
    }
    if (opened.size > smallFileBytes || mayHaveHoles(opened)) return found;
    const small = readSmallFile(fd, { path, stats: opened }, report);
    return small ? { ...found, stats: small.stats, content: small.content } : found;
  } finally {
    closeSync(fd);
  }
}

/** The names in a directory, ascending by bytes. */
export function readNames(location: Buffer): Buffer[] {
  return readdirSync(location, { encoding: 'buffer' }).sort((a, b) => a.compare(b));
}

function readNamesOrReport(node: FoundNode, report: ReportProblem): FoundNode | undefined {
  try {
    return { ...node, names: readNames(node.location) };
  } catch (error) {
    reportFailure(report, node.path, error);
    // Its metadata is known, and told; what is in it is not.
    return systemCode(error) === 'ENOENT' ? undefined : { ...node, names: [] };
  }
}

function readXattrs(path: Buffer, location: Buffer, report: ReportProblem): readonly ExtendedAttribute[] {
  try {
    return findNativeFs()?.listXattrs(location) ?? [];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error;
    report({
      path: showPath(path),
      kind: 'unreadable',
      message: `Its extended attributes can't be read: ${messageOf(error)}.`,
    });
    return [];
  }
}

/** What may be said of a path before it is read in full. */
export interface NodeStats {
  readonly path: Buffer;
  readonly location: Buffer;
  readonly stats: BigIntStats;
}

/** lstat, or undefined and a problem. */
export function statNode(path: Buffer, location: Buffer, report: ReportProblem): NodeStats | undefined {
  try {
    return { path, location, stats: lstatSync(location, { bigint: true }) };
  } catch (error) {
    reportFailure(report, path, error);
    return undefined;
  }
}

/**
 * Reads everything of a node but a file's content. What can't be read is reported, and undefined where nothing is left
 * to tell.
 */
export function readNodeOnly(node: NodeStats, report: ReportProblem): FoundNode | undefined {
  const { path, location, stats } = node;
  try {
    if (stats.isSocket()) {
      report({
        path: showPath(path),
        kind: 'unsupported',
        message: 'It is a socket: only its program can make it again.',
      });
      return undefined;
    }
    const found = { path, location, stats, extendedAttributes: readXattrs(path, location, report) };
    if (stats.isDirectory()) return readNamesOrReport(found, report);
    if (stats.isSymbolicLink()) return { ...found, linkTarget: readlinkSync(location, { encoding: 'buffer' }) };
    return found;
  } catch (error) {
    reportFailure(report, path, error);
    return undefined;
  }
}

/** The same with the content, of a small file. */
export function readContent(node: FoundNode, report: ReportProblem): FoundNode | undefined {
  if (!node.stats.isFile()) return node;
  try {
    return readFile(node, report);
  } catch (error) {
    reportFailure(report, node.path, error);
    return undefined;
  }
}

/** Reads everything of a node but a large file's content, as `readNodeOnly` and `readContent` do. */
export function readNode(node: NodeStats, report: ReportProblem): FoundNode | undefined {
  const found = readNodeOnly(node, report);
  return found && readContent(found, report);
}
