import { hasCode } from '../base/errors.ts';
import type { Job } from '../config/index.ts';
import { acquireLock, type HeldLock } from '../engine/index.ts';
import type { ObjectStore } from '../store/index.ts';
import { unavailableVault, type OpenedVault, type OpenOptions } from './open-job.ts';

const defaultExpirySeconds = 120;

/** For how long a silent run of the job is believed to be alive, in seconds. */
export function lockExpirySeconds(job: Job): number {
  return job.lock?.expirySeconds ?? defaultExpirySeconds;
}

/** The folder "locks" of a repository belongs to its own format. */
const defaultKey = (job: Job, inRepository: boolean): string =>
  `${inRepository ? 'holdfast/' : ''}locks/${encodeURIComponent(job.name)}.json`;

/** The locks of one run, one in each store that it writes to. */
export interface HeldLocks {
  readonly vaults: readonly OpenedVault[];
  /** Abort, with engine/lock-lost, when a lock is no longer ours. */
  readonly signals: readonly AbortSignal[];
  /** Never rejects. */
  release(): Promise<void>;
}

export interface HoldLocks extends OpenOptions {
  readonly host: string;
  readonly runId: string;
}

/**
 * Takes the job's lock in the store of each vault; vaults in one store share it. A vault whose lock can't be asked for
 * gets nothing in this run. Throws engine/locked when another run has one of them: none is held then.
 */
export async function holdLocks(job: Job, vaults: readonly OpenedVault[], options: HoldLocks): Promise<HeldLocks> {
  const { host, runId, clock, logger, signal } = options;
  const holder = { host, pid: process.pid, runId };
  const expirySeconds = lockExpirySeconds(job);
  const held: HeldLock[] = [];
  const failed = new Map<string, unknown>();
  const release = async (): Promise<void> => void (await Promise.all(held.map((lock) => lock.release())));
  const stores = new Map<string, ObjectStore>();
  const ofRepositories = new Set<string>();
  for (const { store, vault } of vaults) {
    if (store) stores.set(store.label, store);
    if (store && vault.type === 'repository') ofRepositories.add(store.label);
  }
  // In one order for all, so that two runs can't each hold what the other waits for.
  for (const [label, store] of [...stores].sort(([a], [b]) => (a < b ? -1 : 1))) {
    try {
      const key = job.lock?.key ?? defaultKey(job, ofRepositories.has(label));
      held.push(await acquireLock(store, key, { holder, expirySeconds, clock, logger, signal }));
    } catch (error) {
      if (signal.aborted || hasCode(error, 'engine/locked')) {
        await release();
        throw error;
      }
      failed.set(label, error);
    }
  }
  return {
    signals: held.map((lock) => lock.signal),
    release,
    vaults: await Promise.all(
      vaults.map(async (opened) => {
        if (!opened.store || !failed.has(opened.store.label)) return opened;
        await opened.vault.close();
        return unavailableVault(opened.use, failed.get(opened.store.label));
      }),
    ),
  };
}
