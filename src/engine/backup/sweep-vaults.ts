import { before, type Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Vault } from '../../vault/index.ts';

/** Longer than any run, a first one over a slow line too: what is younger may belong to one that is still writing. */
export const sweepAfterMs: number = 7 * 24 * 60 * 60 * 1000;

/**
 * Removes from the vaults what runs that died more than a week ago left half-written. What was backed up stands already:
 * a sweep that fails is a warning, one that is interrupted none, and the next run's sweep finds the same. Never rejects.
 */
export async function sweepVaults(
  vaults: readonly Vault[],
  { clock, logger, signal }: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const olderThan = before(clock.now(), sweepAfterMs);
  await Promise.all(
    vaults.map(async (vault) => {
      try {
        const removed = await vault.sweep(olderThan, signal);
        if (removed > 0) logger.info('Removed what dead runs had left half-written.', { vault: vault.name, removed });
      } catch (error) {
        if (signal.aborted) return;
        const message = `What dead runs may have left in ${vault.name} could not be looked for: ${messageOf(error)}`;
        logger.warn(message, { vault: vault.name });
      }
    }),
  );
}
