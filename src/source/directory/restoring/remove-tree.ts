import { chmod, lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { systemCode } from '../../../base/errors.ts';
import { pathBelow } from '../paths.ts';

async function removeDirectory(location: Buffer): Promise<void> {
  await chmod(location, 0o700);
  for (const entry of await readdir(location, { encoding: 'buffer', withFileTypes: true })) {
    const child = pathBelow(location, entry.name);
    if (entry.isDirectory()) await removeDirectory(child);
    else await unlink(child);
  }
  await rmdir(location);
}

/** Removes whatever is at `location`, never following a symlink; names may be any bytes. Nothing there is fine. */
export async function removeTree(location: Buffer): Promise<void> {
  try {
    if ((await lstat(location)).isDirectory()) await removeDirectory(location);
    else await unlink(location);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
