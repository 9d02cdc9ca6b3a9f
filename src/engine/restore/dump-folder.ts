import { isBelow, type SourceEntry } from '../../source/index.ts';
import { openTar, type RestorePoint, type TarOutput, type Vault } from '../../vault/index.ts';
import { innerPath, pathNotFound } from './dump-file.ts';

interface TarSink {
  /** Given the bytes of the tar, in turn. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
}

const nameOf = (path: Buffer): string => path.toString('latin1');

/**
 * Writes all that is below a folder of a restore point as a tar, under its whole path in the restore point. The restore point
 * is read to its end and checked as a whole: throws after the last byte when it is damaged. `path` is as people write it,
 * "/" is everything. Throws vault/path-not-found.
 */
export async function dumpFolder(
  vault: Vault,
  point: RestorePoint,
  path: string,
  { write, signal }: TarSink,
): Promise<void> {
  const folder = innerPath(path);
  const tar = await openTar(write);
  const elsewhere: SourceEntry[] = [];
  let found = folder.length === 0;
  for await (const entry of vault.read(point, signal)) {
    found ||= entry.path.equals(folder);
    if (!isBelow(entry.path, folder)) continue;
    if (entry.hardLinkTo && !isBelow(entry.hardLinkTo, folder)) elsewhere.push(entry);
    else await tar.add(entry, signal);
  }
  if (!found) throw pathNotFound(point, path);
  if (elsewhere.length > 0) await addFromElsewhere(tar, elsewhere, vault.read(point, signal), signal);
  await tar.end();
}

/** Of files whose first name is outside the folder: what they hold came before it, and is read once more. */
async function addFromElsewhere(
  tar: TarOutput,
  names: readonly SourceEntry[],
  entries: AsyncIterable<SourceEntry>,
  signal: AbortSignal,
): Promise<void> {
  const namesOf = Map.groupBy(names, ({ hardLinkTo }) => nameOf(hardLinkTo as Buffer));
  for await (const entry of entries) {
    const [first, ...others] = namesOf.get(nameOf(entry.path)) ?? [];
    if (!first) continue;
    await tar.add({ ...entry, path: first.path }, signal);
    for (const other of others) await tar.add({ ...other, hardLinkTo: first.path }, signal);
  }
}
