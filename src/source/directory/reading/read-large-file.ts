import { closeSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { MiB } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/errors.ts';
import { openForReading } from '../../../base/known-file.ts';
import type { DataRun } from '../../source.ts';
import type { FileStats } from '../file-stats.ts';
import { findNativeFs } from '../native-fs.ts';
import { showPath } from '../paths.ts';
import { locationOf } from '../place.ts';
import type { FoundNode, ReportProblem } from './read-node.ts';
import { mayHaveHoles } from './read-node.ts';
import { statOpen } from './stat-calls.ts';

const readAsync = promisify(read);
const chunkBytes = MiB;
const zeros = Buffer.alloc(chunkBytes);
/** A file in more pieces than this is taken as dense: the list would outweigh the holes. */
const mostRuns = 65536;

/** A file that is open, so that it can't vanish any more. Close it. */
export interface OpenedFile {
  readonly stats: FileStats;
  readonly dataRuns?: readonly DataRun[];
  content(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>;
  /** Waits for a read under way, then gives the descriptor back. */
  close(): Promise<void>;
}

/** Where a file's data lies, as the file system tells (lseek with SEEK_DATA); undefined for a dense file. */
function findDataRuns(fd: number, stats: FileStats): readonly DataRun[] | undefined {
  const native = mayHaveHoles(stats) ? findNativeFs() : undefined;
  if (!native) return undefined;
  const size = stats.sizeBytes;
  const runs: DataRun[] = [];
  for (let at = 0; at < size;) {
    const offset = native.seek(fd, at, 'data');
    if (offset === undefined || offset >= size) break;
    const end = Math.min(native.seek(fd, offset, 'hole') ?? size, size);
    runs.push({ offset, length: end - offset });
    if (runs.length > mostRuns) return undefined;
    at = end;
  }
  const dense = runs.length === 1 && runs[0]?.length === size;
  return dense ? undefined : runs;
}

interface StatedFile {
  readonly path: Buffer;
  readonly stats: FileStats;
}

interface Piece extends DataRun {
  readonly hole: boolean;
}

/** Cuts [0, size) into pieces of at most one chunk; those in holes need no reading. */
function* pieces(size: number, dataRuns: readonly DataRun[]): Generator<Piece, void, undefined> {
  let at = 0;
  for (const run of [...dataRuns, { offset: size, length: 0 }]) {
    for (; at < run.offset; at += Math.min(chunkBytes, run.offset - at))
      yield { offset: at, length: Math.min(chunkBytes, run.offset - at), hole: true };
    const end = run.offset + run.length;
    for (; at < end; at += Math.min(chunkBytes, end - at))
      yield { offset: at, length: Math.min(chunkBytes, end - at), hole: false };
  }
}

interface ReadPiece {
  readonly data: Buffer;
  /** The memory that `data` is in. */
  readonly chunk: Buffer;
  readonly trouble?: unknown;
}

function nextPiece(plan: Generator<Piece, void, undefined>): Piece | undefined {
  const step = plan.next();
  return step.done ? undefined : step.value;
}

/** Chunks that are not in use: V8 collects the whole heap for every few MiB of new ones. */
const freeChunks: Buffer[] = [];
const mostFreeChunks = 4;

function giveBack(chunk: Buffer | undefined): void {
  if (chunk && freeChunks.length < mostFreeChunks) freeChunks.push(chunk);
}

/** Reads `length` bytes at `offset`, at most a chunk; zeros stand for what is no longer there, and for what can't be read: then `trouble` says why. */
async function readPiece(fd: number, { offset, length }: DataRun): Promise<ReadPiece> {
  const chunk = freeChunks.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  const data = chunk.subarray(0, length);
  let used = 0;
  try {
    while (used < length) {
      const { bytesRead } = await readAsync(fd, data, used, length - used, offset + used);
      if (bytesRead === 0) break;
      used += bytesRead;
    }
    data.fill(0, used);
    return { data, chunk };
  } catch (error) {
    data.fill(0, used);
    return { data, chunk, trouble: error };
  }
}

function reportBadPiece(
  file: StatedFile,
  { offset, length }: DataRun,
  { error, report }: { readonly error: unknown; readonly report: ReportProblem },
): void {
  report({
    path: showPath(file.path),
    kind: 'unreadable',
    message: `The ${length} bytes at ${offset} can't be read, zeros stand for them: ${messageOf(error)}.`,
  });
}

function reportChange(fd: number, file: StatedFile, report: ReportProblem): void {
  const before = file.stats;
  const after = statOpen(fd);
  const path = showPath(file.path);
  const sizes = `from ${before.sizeBytes} to ${after.sizeBytes} bytes`;
  if (after.sizeBytes > before.sizeBytes)
    report({ path, kind: 'grew', message: `It grew ${sizes} while it was read; what was added is left out.` });
  else if (after.sizeBytes < before.sizeBytes)
    report({ path, kind: 'shrank', message: `It shrank ${sizes} while it was read; zeros stand for what was cut.` });
  else if (after.mtimeNs !== before.mtimeNs)
    report({
      path,
      kind: 'changed',
      message: 'It was written to while it was read: parts may be of different moments.',
    });
}

/**
 * Opens a file of any size to be read in order, one chunk ahead of its reader. Throws the system's error when it can't
 * be opened. Exactly stats.size bytes come: what changes meanwhile is reported when the content has been read.
 */
export function openLargeFile(node: FoundNode, report: ReportProblem): OpenedFile {
  const fd = openForReading(locationOf(node));
  let stats: FileStats;
  let dataRuns: readonly DataRun[] | undefined;
  try {
    stats = statOpen(fd);
    if (stats.type !== 'file') throw Object.assign(new Error('something else took its place'), { code: 'ENOENT' });
    dataRuns = findDataRuns(fd, stats);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const size = stats.sizeBytes;
  const file: StatedFile = { path: node.path, stats };
  let ahead: Promise<ReadPiece> | undefined;
  let closed = false;

  async function* content(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const plan = pieces(size, dataRuns ?? [{ offset: 0, length: size }]);
    const start = (piece: Piece | undefined): typeof ahead => (piece && !piece.hole ? readPiece(fd, piece) : undefined);
    let piece = nextPiece(plan);
    ahead = start(piece);
    while (piece) {
      signal.throwIfAborted();
      const read = await ahead;
      if (closed) return; // whoever waits for this is too late: its memory is another file's
      const next = nextPiece(plan);
      ahead = start(next);
      if (read?.trouble) reportBadPiece(file, piece, { error: read.trouble, report });
      yield read ? read.data : zeros.subarray(0, piece.length);
      giveBack(read?.chunk);
      piece = next;
    }
    reportChange(fd, file, report);
  }

  const close = async (): Promise<void> => {
    closed = true;
    giveBack((await ahead)?.chunk);
    ahead = undefined;
    closeSync(fd);
  };
  return { stats, ...(dataRuns && { dataRuns }), content, close };
}
