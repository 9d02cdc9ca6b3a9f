import { closeSync, constants, ftruncateSync, openSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { MiB } from '../../../base/bytes.ts';
import { sourceError } from '../../errors.ts';
import type { DataRun, SourceEntry } from '../../source.ts';
import { EarlyWriteback } from './early-writeback.ts';
import { showPath } from '../paths.ts';

const writeAsync = promisify(write);
/** Up to here a synchronous write costs less than a trip through the thread pool. */
const syncBytes = MiB / 4;

/** Writes the parts of `chunk`, which begins at `offset`, that lie in `runs`; `from` is the first run that may matter. */
async function writeRuns(
  fd: number,
  chunk: { readonly data: Uint8Array; readonly offset: number },
  runs: { readonly list: readonly DataRun[]; from: number },
): Promise<void> {
  const chunkEnd = chunk.offset + chunk.data.length;
  for (let run = runs.list[runs.from]; run && run.offset < chunkEnd; run = runs.list[runs.from]) {
    const start = Math.max(run.offset, chunk.offset);
    const end = Math.min(run.offset + run.length, chunkEnd);
    if (end > start) await writeAll(fd, chunk.data.subarray(start - chunk.offset, end - chunk.offset), start);
    if (run.offset + run.length > chunkEnd) return;
    runs.from += 1;
  }
}

async function writeAll(fd: number, data: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < data.length;) {
    const rest = data.length - done;
    if (rest <= syncBytes) done += writeSync(fd, data, done, rest, offset + done);
    else done += (await writeAsync(fd, data, done, rest, offset + done)).bytesWritten;
  }
}

function wrongSize(entry: SourceEntry, bytes: number): Error {
  return sourceError('restore-failed', {
    message: `The content of ${showPath(entry.path)} has ${bytes} bytes, where ${entry.sizeBytes} were recorded.`,
    hint: 'Verify the restore point; the target is untouched.',
  });
}

/**
 * Makes the file `location`, which must not exist, and writes the entry's content to it; holes stay holes. `finish` gets
 * the file while it is open. Returns the number of bytes. Throws source/restore-failed when the content is not as long as
 * the entry says.
 */
export async function writeFile(
  location: Buffer,
  entry: SourceEntry,
  { signal, finish }: { readonly signal: AbortSignal; readonly finish: (fd: number) => void },
): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(location, flags, 0o600);
  const writeback = new EarlyWriteback(fd);
  try {
    const runs = entry.dataRuns && { list: entry.dataRuns, from: 0 };
    let offset = 0;
    for await (const data of entry.open?.(signal) ?? []) {
      if (runs) await writeRuns(fd, { data, offset }, runs);
      else await writeAll(fd, data, offset);
      offset += data.length;
      writeback.wrote(data.length);
    }
    if (entry.sizeBytes !== undefined && offset !== entry.sizeBytes) throw wrongSize(entry, offset);
    if (runs) ftruncateSync(fd, offset);
    finish(fd);
    return offset;
  } finally {
    await writeback.settled();
    closeSync(fd);
  }
}
