import type { ObjectStore } from '../../store/index.ts';
import type { ObservedLock } from './lock-document.ts';
import { hasEnded } from './process-identity.ts';

/** Why a lock may be taken from the holder it names. */
export type TakeoverReason = 'expired' | 'holder-ended' | 'unreadable';

/** What is to be made of a lock that was found. */
export type Verdict =
  | { readonly alive: true; readonly ageMs: number }
  | { readonly alive: false; readonly ageMs: number; readonly reason: TakeoverReason };

/** S3 tells times in whole seconds, so a difference of two may be wrong by one. */
const granularityMs = 1000;

/** Where the store is asked for its time. One key for all who judge a lock, so that whoever releases it can tidy up. */
export const probeKey = (key: string): string => `${key}.probe`;

/** Another judge may remove the probe between our two requests; again and again is no accident. */
const mostTries = 20;

/** The present moment by the store's own clock: when it says that an object was written that we write now. */
async function storeNowMs(store: ObjectStore, key: string, signal: AbortSignal): Promise<number> {
  const probe = probeKey(key);
  try {
    for (let tries = 1; ; tries += 1) {
      const written = await store.put(probe, Buffer.from('time?'), { signal });
      const seen = await store.head(probe, signal);
      if (seen || tries === mostTries) return (seen ?? written).modifiedAt.getTime();
    }
  } finally {
    await store.delete([probe]);
  }
}

/**
 * Says whether the holder of a lock still lives. Its age is the time between its last write and now, both by the store's
 * clock; neither the holder's clock nor ours takes part. A holder that has demonstrably ended on this machine need not
 * be waited for. What is no lock document is believed for `expirySeconds`.
 */
export async function judgeLock(
  { info, document }: ObservedLock,
  place: { readonly store: ObjectStore; readonly key: string; readonly expirySeconds: number },
  signal: AbortSignal,
): Promise<Verdict> {
  const ageMs = Math.max(0, (await storeNowMs(place.store, place.key, signal)) - info.modifiedAt.getTime());
  if (document !== undefined && (await hasEnded(document.pid, document.process)))
    return { alive: false, ageMs, reason: 'holder-ended' };
  const expiryMs = (document?.expirySeconds ?? place.expirySeconds) * 1000;
  if (ageMs < expiryMs + granularityMs) return { alive: true, ageMs };
  return { alive: false, ageMs, reason: document === undefined ? 'unreadable' : 'expired' };
}
