import { randomBytes } from 'node:crypto';
import { collect } from '../base/bytes.ts';
import { hasCode } from '../base/errors.ts';
import type { ObjectStore } from './object-store.ts';

/** What a store was seen to do. What it can't do, a vault must do without. */
export interface StoreCapabilities {
  /** A put with `ifAbsent` refuses a taken key. */
  readonly conditionalCreate: boolean;
  /** A put with `ifMatch` refuses when the object has changed. */
  readonly conditionalReplace: boolean;
  /** A ranged get gives just that range. */
  readonly rangedGet: boolean;
  /** A new object shows in a list at once. */
  readonly consistentList: boolean;
}

/** True when `attempt` is refused with one of `codes`; false when the store lets it pass. Other failures are thrown. */
async function refuses(attempt: Promise<unknown>, ...codes: string[]): Promise<boolean> {
  try {
    await attempt;
    return false;
  } catch (error) {
    if (hasCode(error, ...codes, 'store/unsupported')) return hasCode(error, ...codes);
    throw error;
  }
}

/** An etag that no object has: as long as a real one, since some stores compare only so many letters as their own has. */
const otherEtag = (etag: string): string => etag.replace(/[0-9a-zA-Z]/, (letter) => (letter === '0' ? '1' : '0'));

/**
 * Writes a small object under a random key, tries on it what vaults rely on, and deletes it. Throws the store's own
 * error when it can't be reached, written to, read from or deleted from.
 */
export async function probeStore(store: ObjectStore, signal: AbortSignal): Promise<StoreCapabilities> {
  const key = `.holdfast-probe-${randomBytes(8).toString('hex')}`;
  const bytes = randomBytes(64);
  const { etag } = await store.put(key, bytes, { signal });
  try {
    const read = await collect(store.get(key, { offset: 16, length: 16, signal }), bytes.length);
    const listed: string[] = [];
    for await (const { key: found } of store.list({ prefix: key, signal })) listed.push(found);
    return {
      rangedGet: read.equals(bytes.subarray(16, 32)),
      consistentList: listed.includes(key),
      conditionalCreate: await refuses(store.put(key, bytes, { ifAbsent: true, signal }), 'store/already-exists'),
      conditionalReplace: await refuses(
        store.put(key, bytes, { ifMatch: otherEtag(etag), signal }),
        'store/changed',
        'store/already-exists',
      ),
    };
  } finally {
    await store.delete([key]);
  }
}
