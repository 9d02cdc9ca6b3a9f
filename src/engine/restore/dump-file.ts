import type { RestorePoint, Vault } from '../../vault/index.ts';
import { vaultError } from '../../vault/index.ts';

/** "./a/b/" -> "a/b": how people write a path, as restore points name it. */
export function innerPath(path: string): Buffer {
  return Buffer.from(path.replace(/^(\.?\/+)+/, '').replace(/\/+$/, ''));
}

/** The refusal of a path that a restore point does not hold. */
export const pathNotFound = (point: RestorePoint, path: string): Error =>
  vaultError('path-not-found', {
    message: `the restore point ${point.id.slice(0, 8)} holds no "${path}"`,
    hint: 'holdfast ls ID lists what it holds',
  });

/**
 * The bytes of one file of a restore point. Without a path the restore point must hold exactly one file (a dump).
 * The restore point is read to its end and checked as a whole: throws after the last byte when it is damaged, so a
 * reader that must not act on wrong bytes waits for the end. Throws vault/path-not-found, vault/not-a-file or, before
 * anything else is read, vault/is-a-folder.
 */
export async function* dumpFile(
  vault: Vault,
  point: RestorePoint,
  path: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (path === undefined && point.source.shape === 'tree')
    throw vaultError('not-a-file', {
      message: `the restore point ${point.id.slice(0, 8)} holds a tree, not one file`,
      hint: 'Name the file: holdfast dump ID PATH (holdfast ls ID lists them)',
    });
  const wanted = path === undefined ? undefined : innerPath(path);
  let linkedFrom: Buffer | undefined;
  let found = false;
  for await (const entry of vault.read(point, signal)) {
    // A file that stands in a folder comes behind it.
    if (found || (wanted ? !entry.path.equals(wanted) : entry.type === 'directory')) continue;
    found = true;
    linkedFrom = entry.hardLinkTo;
    if (linkedFrom) continue;
    if (entry.type === 'directory')
      throw vaultError('is-a-folder', { message: `"${path}" is a folder in this restore point, not a file` });
    if (!entry.open)
      throw vaultError('not-a-file', { message: `"${path}" is a ${entry.type} in this restore point, not a file` });
    yield* entry.open(signal);
  }
  if (!found) throw pathNotFound(point, path ?? '');
  // A second name of a file has no content of its own, and its first name came before it: read once more.
  if (linkedFrom) yield* dumpFile(vault, point, linkedFrom.toString(), signal);
}
