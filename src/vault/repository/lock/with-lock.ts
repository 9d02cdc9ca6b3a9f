import { hostname, userInfo } from 'node:os';
import { lockRepository } from './repository-lock.ts';
import type { Repository } from '../repository.ts';

export interface WithLockOptions {
  /** Whoever deletes anything needs the repository alone. */
  readonly exclusive: boolean;
  /** True for work that writes nothing and may go without a lock: in a store that can't be written. What it tells may be out of date. */
  readonly lockless?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** Calls `work` while the repository is locked; its signal aborts, too, when the lock is lost. vault/locked. */
export async function withLock<Result>(
  repository: Repository,
  { exclusive, lockless, signal }: WithLockOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (lockless) return work(signal);
  const lock = await lockRepository(repository, {
    exclusive,
    host: hostname(),
    user: userInfo().username,
    signal,
  });
  try {
    return await work(AbortSignal.any([signal, lock.signal]));
  } finally {
    await lock.release();
  }
}
