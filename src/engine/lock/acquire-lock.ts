/**
 * The lock that keeps two runs of one job apart: an object in the store, so that it works between machines that share
 * nothing else.
 *
 *   free -> held (refreshed every quarter of its expiry) -> released
 *                  \-> its holder dies -> expired -> taken over, which is told
 *                  \-> its holder is cut off -> at 7/8 of the expiry it knows, and ends its run
 *
 * Taking it is a put that is refused when the object exists; refreshing and taking over are puts that are refused when
 * the object is another than the one last seen. Whether a lock has expired is judged by the store's clock alone: the age
 * of the lock object is compared with an object written now. Clocks of machines may differ as they like.
 *
 * What it can't do: a process that is frozen (SIGSTOP, a suspended machine) writes on when it wakes, until its refresh
 * is answered, which is the first thing that it does. And a process frozen or answered late between the last refresh and
 * the delete of a release can delete the lock of whoever took over meanwhile, who then notices at his next refresh.
 */
import type { Logger } from '../../base/log.ts';
import type { ObjectStore } from '../../store/index.ts';
import { claimConditionally } from './conditional-claim.ts';
import { keepLock, type HeldLock } from './keep-lock.ts';
import { claimByListing } from './listed-claim.ts';
import { holderText, type LockRequest, type Takeover } from './lock-claim.ts';

export interface AcquireLock extends Omit<LockRequest, 'store' | 'key'> {
  readonly logger: Logger;
}

const reasons: Readonly<Record<Takeover['reason'], string>> = {
  expired: 'which has expired',
  'holder-ended': 'whose process has ended without releasing it',
  unreadable: 'which has not changed for longer than a lock lasts',
};

/** For people: what was taken from whom, and why. */
export function takeoverText(key: string, { reason, from, silentMs }: Takeover): string {
  const silentSeconds = Math.round(silentMs / 1000);
  return `Took over the lock ${key} of ${holderText(from)}, ${reasons[reason]}; last heard of ${silentSeconds} s ago.`;
}

/**
 * Takes the lock `key` and keeps it until `release` is called on what it resolves to. Rejects with engine/locked while a
 * living holder has it; never waits for one. A dead one's is taken over at once, and a warning says so. On a store
 * without conditional writes it takes two seconds, and works by listing. `holder.pid` is this process's.
 */
export async function acquireLock(store: ObjectStore, key: string, options: AcquireLock): Promise<HeldLock> {
  const { logger, ...more } = options;
  const request: LockRequest = { store, key, ...more };
  request.signal.throwIfAborted();
  let takenMs = request.clock.monotonicMs();
  let claim = await claimConditionally(request);
  if (claim === undefined) {
    logger.debug('The store has no conditional writes: the lock is taken by listing.', { key, store: store.label });
    claim = await claimByListing(request);
    takenMs = request.clock.monotonicMs();
  }
  if (claim.takeover) logger.warn(takeoverText(key, claim.takeover), { key, store: store.label });
  return keepLock(claim, request, { logger, takenMs });
}
