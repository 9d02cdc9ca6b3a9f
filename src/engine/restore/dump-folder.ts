import { MiB } from '../../base/bytes.ts';
import { isBelow, type SourceEntry } from '../../source/index.ts';
import { openTar, type RestorePoint, type TarOutput, type Vault } from '../../vault/index.ts';
import { innerPath, pathNotFound } from './dump-file.ts';

export type FolderFormat = 'tar' | 'zip';

interface FolderSink {
  readonly format: FolderFormat;
  /** Given the bytes of the tar or zip, in turn. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Reads the restore point, from its beginning. */
type Read = () => AsyncIterable<SourceEntry>;

const nameOf = (path: Buffer): string => path.toString('latin1');

async function openZip(write: FolderSink['write']): Promise<TarOutput> {
  const { ZipWriter } = await import('./zip/zip-writer.ts');
  return new ZipWriter(write);
}

/**
 * Writes all that is below a folder of a restore point as a tar or a zip, under its whole path in the restore point. The
 * restore point is read to its end and checked as a whole: throws after the last byte when it is damaged. `path` is as people
 * write it, "/" is everything. Throws vault/path-not-found.
 */
export async function dumpFolder(
  vault: Vault,
  point: RestorePoint,
  path: string,
  { format, write, signal }: FolderSink,
): Promise<void> {
  const folder = innerPath(path);
  const output = format === 'tar' ? await openTar(write) : await openZip(write);
  const read: Read = () => vault.read(point, signal);
  const names: SourceEntry[] = [];
  let found = folder.length === 0;
  for await (const entry of read()) {
    found ||= entry.path.equals(folder);
    if (!isBelow(entry.path, folder)) continue;
    const { hardLinkTo } = entry;
    if (hardLinkTo && (format === 'zip' || !isBelow(hardLinkTo, folder))) names.push(entry);
    else await output.add(entry, signal);
  }
  if (!found) throw pathNotFound(point, path);
  const addNames = format === 'tar' ? addFromElsewhere : addCopies;
  if (names.length > 0) await addNames(output, names, read, signal);
  await output.end();
}

const byFirstName = (names: readonly SourceEntry[]): Map<string, SourceEntry[]> =>
  Map.groupBy(names, ({ hardLinkTo }) => nameOf(hardLinkTo as Buffer));

/** Of files whose first name is outside the folder: what they hold came before it, and is read once more. */
async function addFromElsewhere(
  tar: TarOutput,
  names: readonly SourceEntry[],
  read: Read,
  signal: AbortSignal,
): Promise<void> {
  const namesOf = byFirstName(names);
  for await (const entry of read()) {
    const [first, ...others] = namesOf.get(nameOf(entry.path)) ?? [];
    if (!first) continue;
    await tar.add({ ...entry, path: first.path }, signal);
    for (const other of others) await tar.add({ ...other, hardLinkTo: first.path }, signal);
  }
}

/** Of a file up to this size all further names are written when it is read once more; of a larger one only the next. */
const mostHeldBytes = 8 * MiB;

/** Of second names, where a format has none: each becomes a file of its own. What it holds came before, and is read once more. */
async function addCopies(
  zip: TarOutput,
  names: readonly SourceEntry[],
  read: Read,
  signal: AbortSignal,
): Promise<void> {
  let missing = byFirstName(names);
  while (missing.size > 0) {
    const left = new Map<string, SourceEntry[]>();
    for await (const entry of read()) {
      const key = nameOf(entry.path);
      const [next, ...others] = missing.get(key) ?? [];
      if (!next) continue;
      if (others.length > 0 && (entry.sizeBytes ?? 0) > mostHeldBytes) {
        await zip.add({ ...entry, path: next.path }, signal);
        left.set(key, others);
      } else {
        const held = others.length > 0 ? await heldEntry(entry, signal) : entry;
        for (const { path } of [next, ...others]) await zip.add({ ...held, path }, signal);
      }
    }
    missing = left;
  }
}

/** The same entry, whose content can be opened again and again. */
async function heldEntry(entry: SourceEntry, signal: AbortSignal): Promise<SourceEntry> {
  if (!entry.open) return entry;
  const content: Buffer[] = [];
  // The memory of a chunk is used again for the next.
  for await (const chunk of entry.open(signal)) content.push(Buffer.from(chunk));
  return {
    ...entry,
    async *open() {
      yield* content;
    },
  };
}
