import { Semaphore } from '../../../base/concurrency.ts';
import { hasCode, messageOf } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { formatTime } from '../format/go-time.ts';
import { decodeLock, encodeLock, type LockFile } from '../format/lock-file.ts';
import { fileKey } from '../layout.ts';
import type { HeldLock, Repository } from '../repository.ts';

/** How long another program may need until its lock is seen: restic waits as long. */
const settleMs = 200;
const refreshMs = 5 * 60_000;
/** A lock that was not refreshed for so long belongs to a program that has died, as restic has it. */
const staleAfterMs = 30 * 60_000;
/** Well before others may take ours for dead, the work must have ended. */
const lostAfterMs = 22 * 60_000;

/** Who locks, as other programs are told. */
export interface LockOwner {
  readonly host: string;
  readonly user: string;
}

export interface LockOptions extends LockOwner {
  /** Nobody else may have a lock; else only those who exclude others are kept out. */
  readonly exclusive: boolean;
  readonly signal: AbortSignal;
  /**
   * Called when ours was written so soon after nobody else's was seen, not even a dead program's, that whoever excludes
   * us will have seen it before relying on theirs: then what is read from now on stays true as long as this lock does come to
   * stand. Nothing may be changed before.
   */
  readonly onPlaced?: () => void;
}

/** A lock of a repository while it is held. */
export interface RepositoryLock extends HeldLock {
  /**
   * Aborts with vault/lock-lost when somebody has removed the lock, or it could not be refreshed for so long that others may take it
   * for dead.
   */
  readonly signal: AbortSignal;
  /** Locks of programs that have died, which were there when this one was taken. */
  readonly stale: readonly FoundLock[];
  /** Never rejects: a lock that can't be removed becomes stale. */
  release(): Promise<void>;
}

/** A lock that somebody has. */
export interface FoundLock extends LockFile {
  readonly id: string;
  readonly stale: boolean;
}

/** True when a process with this number runs on this machine, ours to signal or not. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * All locks of a repository but `own`. One that can't be read counts as somebody's whom we don't know: it is told by its
 * error.
 */
export async function listLocks(
  repository: Repository,
  host: string,
  { signal, own = [] }: { readonly signal?: AbortSignal | undefined; readonly own?: readonly string[] } = {},
): Promise<{ readonly locks: FoundLock[]; readonly unreadable: string[] }> {
  const locks: FoundLock[] = [];
  const unreadable: string[] = [];
  for await (const { id, sizeBytes } of repository.list('locks', signal)) {
    if (sizeBytes === 0 || own.includes(id)) continue; // being written, or known
    try {
      const lock = decodeLock(await repository.loadFile('locks', id, signal));
      const ageMs = repository.clock.now().getTime() - Number(lock.timeNs / 1_000_000n);
      const dead = lock.hostname === host && !isRunning(lock.pid);
      locks.push({ ...lock, id, stale: dead || ageMs > staleAfterMs });
    } catch (error) {
      signal?.throwIfAborted();
      if (await repository.store.head(fileKey('locks', id), signal)) unreadable.push(`${id}: ${messageOf(error)}`);
    }
  }
  return { locks, unreadable };
}

/**
 * Throws vault/locked when a lock other than our `own` keeps us out, or, who needs the repository alone, one that can't be read;
 * returns the stale ones, which do not.
 */
async function checkOthers(
  repository: Repository,
  options: LockOptions,
  own: readonly string[] = [],
): Promise<FoundLock[]> {
  const { locks, unreadable } = await listLocks(repository, options.host, { signal: options.signal, own });
  const [unknown] = unreadable;
  if (options.exclusive && unknown !== undefined) throw lockedByUnknown(repository, unknown);
  const holder = locks.find(({ stale, exclusive }) => !stale && (exclusive || options.exclusive));
  if (holder) throw locked(repository, holder);
  return locks.filter(({ stale }) => stale);
}

/**
 * Takes a lock: looks for others, writes its own, waits until others must have seen it, and looks again. Stale locks of
 * dead programs stand in nobody's way: who needs the repository alone removes them, and says so. Throws vault/locked.
 */
export async function lockRepository(repository: Repository, options: LockOptions): Promise<RepositoryLock> {
  const { clock, store, logger } = repository;
  const startMs = clock.monotonicMs();
  const dead = await checkOthers(repository, options);
  const id = await writeLock(repository, options);
  let stale: readonly FoundLock[];
  try {
    if (dead.length === 0 && clock.monotonicMs() - startMs < settleMs) options.onPlaced?.();
    await clock.sleep(settleMs, options.signal);
    stale = await checkOthers(repository, options, [id]);
    if (options.exclusive) await removeLocks(repository, stale, options.signal);
  } catch (error) {
    await store.delete([fileKey('locks', id)]).catch(() => {}); // it becomes stale
    throw error;
  }
  const claim = new Claim(repository, options, id);
  const stop = new AbortController();
  const lost = new AbortController();
  const refreshing = keepFresh();
  const held: HeldLock = { assertHeld: () => claim.assertHeld().catch(tellLost) };
  repository.locks.add(held);

  async function keepFresh(): Promise<void> {
    for (;;) {
      try {
        await clock.sleep(refreshMs, stop.signal);
        await claim.renew();
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!hasCode(error, 'vault/lock-lost') && claim.ageMs() < lostAfterMs) continue;
        lost.abort(hasCode(error, 'vault/lock-lost') ? error : lockLost(repository, error));
        return;
      }
    }
  }

  function tellLost(error: unknown): never {
    if (hasCode(error, 'vault/lock-lost')) lost.abort(error);
    throw error;
  }

  return {
    ...held,
    signal: lost.signal,
    stale,
    release: async () => {
      repository.locks.delete(held);
      stop.abort();
      await refreshing;
      await store.delete([fileKey('locks', claim.id)]).catch((error: unknown) => {
        logger.warn(`The lock ${claim.id} could not be removed; it becomes stale by itself: ${messageOf(error)}.`);
      });
    },
  };
}

/**
 * Our lock's file in the repository. A program that was frozen (a laptop asleep, a machine that was moved) does not notice how
 * old its lock has become; whoever takes it for dead removes it. So where the file is gone the lock is lost, and one that is too old
 * counts only when a new one stands beside it as long as it takes others to see it.
 */
class Claim {
  id: string;
  private readonly repository: Repository;
  private readonly options: LockOptions;
  private readonly turn = new Semaphore(1);
  private freshMs: number;
  private freshAt: Date;

  constructor(repository: Repository, options: LockOptions, id: string) {
    this.repository = repository;
    this.options = options;
    this.id = id;
    this.freshMs = repository.clock.monotonicMs();
    this.freshAt = repository.clock.now();
  }

  /** Since it was written, by the clock that has gone further: one stands still while the machine sleeps. */
  ageMs(): number {
    const { clock } = this.repository;
    return Math.max(clock.monotonicMs() - this.freshMs, clock.now().getTime() - this.freshAt.getTime());
  }

  /** Throws vault/lock-lost when it is not ours any more. */
  assertHeld(): Promise<void> {
    return this.turn.run(() => (this.ageMs() < lostAfterMs ? this.assertThere() : this.replace()));
  }

  /** The same, and makes it young. */
  renew(): Promise<void> {
    return this.turn.run(() => this.replace());
  }

  private async assertThere(): Promise<void> {
    const { store } = this.repository;
    if (!(await store.head(fileKey('locks', this.id)))) throw lockGone(this.repository);
  }

  private async replace(): Promise<void> {
    const { store, clock } = this.repository;
    const isLate = this.ageMs() >= lostAfterMs;
    await this.assertThere();
    const [freshMs, freshAt] = [clock.monotonicMs(), clock.now()];
    const next = await writeLock(this.repository, this.options);
    try {
      if (isLate) await this.settle(next);
    } catch (error) {
      await store.delete([fileKey('locks', next)]).catch(() => {}); // it becomes stale
      throw error;
    }
    const old = this.id;
    this.id = next;
    this.freshMs = freshMs;
    this.freshAt = freshAt;
    await store.delete([fileKey('locks', old)]);
  }

  /** Whoever took the old one for dead has removed it by now, or has a lock that can be seen. */
  private async settle(next: string): Promise<void> {
    await this.repository.clock.sleep(settleMs);
    await checkOthers(this.repository, this.options, [this.id, next]).catch((error: unknown) => {
      throw hasCode(error, 'vault/locked') ? lockLost(this.repository, error) : error;
    });
    await this.assertThere();
  }
}

/** Removes the locks of programs that have died, and says so. */
export async function removeLocks(
  { store, logger }: Repository,
  stale: readonly FoundLock[],
  signal: AbortSignal,
): Promise<void> {
  for (const lock of stale) {
    logger.warn(`Removed the lock of ${holderOf(lock)}: that program has died.`, { lock: lock.id });
    await store.delete([fileKey('locks', lock.id)], signal);
  }
}

/** Removes the locks of programs that have died, or all. Returns how many. */
export async function unlockRepository(
  repository: Repository,
  { host, all, signal }: { readonly host: string; readonly all: boolean; readonly signal: AbortSignal },
): Promise<number> {
  const { locks, unreadable } = await listLocks(repository, host, { signal });
  const doomed = locks.filter(({ stale }) => stale || all).map(({ id }) => id);
  if (all) doomed.push(...unreadable.map((line) => line.slice(0, 64)));
  await repository.store.delete(
    doomed.map((id) => fileKey('locks', id)),
    signal,
  );
  return doomed.length;
}

async function writeLock(repository: Repository, { exclusive, host, user }: LockOptions): Promise<string> {
  const lock: LockFile = {
    timeNs: BigInt(repository.clock.now().getTime()) * 1_000_000n,
    exclusive,
    hostname: host,
    username: user,
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
  return repository.saveFile('locks', encodeLock(lock));
}

const holderOf = ({ hostname, username, pid, timeNs }: LockFile): string =>
  `${username} on ${hostname} (process ${pid}), of ${formatTime(timeNs)}`;

const locked = ({ store }: Repository, lock: FoundLock): Error =>
  vaultError('locked', {
    message: `The repository ${store.label} is locked${lock.exclusive ? ' exclusively' : ''} by ${holderOf(lock)}.`,
    hint: 'Wait until that program has ended. If it has died on another machine, run "holdfast unlock".',
    context: { lock: lock.id },
  });

const lockedByUnknown = ({ store }: Repository, why: string): Error =>
  vaultError('locked', {
    message: `The repository ${store.label} has a lock that can not be read: ${why}`,
    hint: 'When no other program is at work there, run "holdfast unlock --remove-all".',
  });

const lockGone = ({ store }: Repository): Error =>
  vaultError('lock-lost', {
    message: `The lock of the repository ${store.label} was removed by somebody else, who may have deleted what this run relies on.`,
    hint: 'If this machine slept or the program was stopped for long, that is why; else see who ran "unlock --remove-all". Run it again.',
  });

const lockLost = ({ store }: Repository, cause: unknown): Error =>
  vaultError('lock-lost', {
    message: `The lock of the repository ${store.label} could not be refreshed for too long: ${messageOf(cause)}.`,
    hint: 'See why the store does not answer, then run it again.',
    cause,
  });
