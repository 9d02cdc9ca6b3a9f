import type { Job } from '../config/index.ts';
import { openVaultUse, type OpenOptions } from './open-job.ts';

/** When a job was last backed up. */
export interface LastRun {
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

/**
 * The newest run of a job that left a restore point in one of its vaults; undefined when none did. The vaults are asked,
 * not a file of ours: what they keep is what a restart has to go by. Rejects when no vault can be listed.
 */
export async function lastRunOf(job: Job, options: OpenOptions): Promise<LastRun | undefined> {
  const lists = await Promise.allSettled(
    job.vaults.map(async (use) => {
      const { vault } = await openVaultUse(use, options);
      try {
        return await vault.list({ signal: options.signal });
      } finally {
        await vault.close();
      }
    }),
  );
  const failed = lists.filter((list) => list.status === 'rejected');
  if (failed.length > 0 && failed.length === lists.length) throw failed[0]?.reason;
  return lists
    .flatMap((list) => (list.status === 'fulfilled' ? list.value : []))
    .filter((point) => point.job === job.name)
    .reduce<LastRun | undefined>(
      (newest, point) => (newest === undefined || point.startedAt > newest.startedAt ? point : newest),
      undefined,
    );
}
