import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { KiB } from '../../base/bytes.ts';
import { systemCode } from '../../base/errors.ts';
import { findFfi } from '../../base/native-functions.ts';

/** Every file system that writes past the page cache does so in whole pages. */
const pageBytes = 4096;

/** Less is not worth opening the file again. */
const leastBytes = 64 * KiB;

/** How a system says that it can't: the file system knows of no such writing, or wants it otherwise. */
const refusals = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP']);

const { getRawPointer } = findFfi() ?? {};

const beginsAtPage = (bytes: Uint8Array): boolean =>
  getRawPointer !== undefined && getRawPointer(bytes) % BigInt(pageBytes) === 0n;

/**
 * Writes the whole pages of `bytes` to a file, straight from this memory to the disk. Through the page cache the
 * processor copies each byte once more (a fifth of a backup of large files), and `sync` waits for all of them at the end.
 * Returns how many bytes were written: fewer, or none, where that can't be. Throws the system's error.
 */
export async function writeDirectly(path: string, bytes: Uint8Array, position: number): Promise<number> {
  const whole = bytes.length - (bytes.length % pageBytes);
  if (whole < leastBytes || position % pageBytes > 0 || !beginsAtPage(bytes)) return 0;
  let written = 0;
  try {
    const handle = await open(path, constants.O_WRONLY | constants.O_DIRECT);
    try {
      while (written < whole) {
        const { bytesWritten } = await handle.write(bytes, written, whole - written, position + written);
        written += bytesWritten;
        if (bytesWritten === 0 || written % pageBytes > 0) break;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!refusals.has(systemCode(error) ?? '')) throw error;
  }
  return written;
}
