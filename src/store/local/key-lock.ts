import { link, lstat, open, rename, unlink } from 'node:fs/promises';
import { createHash, randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { storeError } from '../errors.ts';
import { temporaryPrefix } from './store-folder.ts';

/** The lock is held for a few system calls; after this its holder is dead. */
const staleMs = 30_000;
const waitMs = 20;

/** Takes a dead holder's lock file away. It may have been replaced meanwhile: then it is put back. */
async function breakStale(path: string, ino: number): Promise<void> {
  const aside = `${path}-${randomUUID()}`;
  await rename(path, aside);
  if ((await lstat(aside)).ino !== ino) await link(aside, path).catch(() => {});
  await unlink(aside);
}

async function tryLock(path: string, clock: Clock): Promise<boolean> {
  try {
    await (await open(path, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  try {
    const { mtimeMs, ino } = await lstat(path);
    if (clock.now().getTime() - mtimeMs > staleMs) await breakStale(path, ino);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error; // released meanwhile
  }
  return false;
}

/**
 * Runs `work` while no other conditional writer of `file`, in this or another process on this file system, is at it.
 * A lock file beside it is the lock. Unconditional writers don't ask for it.
 */
export async function withKeyLock<Result>(file: string, clock: Clock, work: () => Promise<Result>): Promise<Result> {
  const name = createHash('sha256').update(basename(file)).digest('hex').slice(0, 32);
  const path = join(dirname(file), `${temporaryPrefix}lock-${name}`);
  const startedMs = clock.monotonicMs();
  while (!(await tryLock(path, clock))) {
    if (clock.monotonicMs() - startedMs > 2 * staleMs)
      throw storeError('unavailable', {
        message: `Another process holds the lock ${path}`,
        hint: 'If no other process works in this folder, remove the file.',
        retryable: true,
        context: { path },
      });
    await clock.sleep(waitMs);
  }
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => {}); // a lock that stays behind is broken after staleMs
  }
}
