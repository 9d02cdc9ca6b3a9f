import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { engineError } from '../errors.ts';
import type { HoldfastError } from '../../base/errors.ts';
import type { ObjectStore } from '../../store/index.ts';
import type { TakeoverReason } from './judge-lock.ts';
import type { LockDocument, LockHolder, ObservedLock } from './lock-document.ts';
import { ownIdentity } from './process-identity.ts';

/** A lock's place, and who wants it. */
export interface LockRequest {
  readonly store: ObjectStore;
  readonly key: string;
  readonly holder: LockHolder;
  /** For so long after its last sign of life a holder is believed to be alive. */
  readonly expirySeconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Whose lock was taken, and why it could be. */
export interface Takeover {
  readonly reason: TakeoverReason;
  readonly from: LockDocument | undefined;
  /** How long nothing had been heard of the holder, by the store's clock. */
  readonly silentMs: number;
}

/** A lock that was just taken, in one of the ways there are. */
export interface LockClaim {
  readonly takeover: Takeover | undefined;
  /** Gives a sign of life. Says whether the lock is still ours; rejects when that can't be told now. */
  refresh(signal: AbortSignal): Promise<{ readonly held: true } | { readonly held: false; readonly by?: LockDocument }>;
  /** Removes the lock, which must be ours. */
  remove(signal: AbortSignal): Promise<void>;
}

const later = (time: Date, seconds: number): string =>
  Temporal.Instant.fromEpochMilliseconds(time.getTime() + Math.round(seconds * 1000)).toString();

/** The document of a lock that is taken now. */
export async function newDocument({ holder, expirySeconds, clock }: LockRequest): Promise<LockDocument> {
  const now = clock.now();
  const identity = await ownIdentity();
  return {
    formatVersion: 1,
    holder: holder.runId,
    host: holder.host,
    pid: holder.pid,
    ...(identity && holder.pid === process.pid ? { process: identity } : {}),
    acquiredAt: now.toISOString(),
    refreshedAt: now.toISOString(),
    expiresAt: later(now, expirySeconds),
    expirySeconds,
    token: randomUUID(),
    beat: 0,
  };
}

/** The same lock, with a new sign of life. */
export function nextBeat(document: LockDocument, clock: Clock): LockDocument {
  const now = clock.now();
  return {
    ...document,
    refreshedAt: now.toISOString(),
    expiresAt: later(now, document.expirySeconds),
    beat: document.beat + 1,
  };
}

/** For people: who holds a lock. */
export function holderText(document: LockDocument | undefined): string {
  if (document === undefined) return 'someone whose lock object is not readable';
  return `run ${document.holder} on ${document.host} (process ${document.pid}) since ${document.acquiredAt}`;
}

/** engine/locked, with all that is known of the holder. */
export function lockedError(request: LockRequest, seen: ObservedLock, ageMs: number): HoldfastError {
  const { document, info } = seen;
  const expirySeconds = document?.expirySeconds ?? request.expirySeconds;
  const ageSeconds = Math.round(ageMs / 1000);
  return engineError('locked', {
    message: `the lock ${request.key} in ${request.store.label} is held by ${holderText(document)}, last heard of ${ageSeconds} s ago`,
    hint: `Wait for that run to end. If it has died, the next run takes the lock over ${expirySeconds} s after its last sign of life.`,
    context: {
      key: request.key,
      store: request.store.label,
      runId: document?.holder,
      host: document?.host,
      pid: document?.pid,
      since: document?.acquiredAt,
      refreshedAt: info.modifiedAt.toISOString(),
      expirySeconds,
    },
  });
}

/** engine/lock-lost: someone else has, or has removed, a lock that was ours. */
export function lostError(store: ObjectStore, key: string, by: LockDocument | undefined): HoldfastError {
  const what = by ? `was taken over by ${holderText(by)}` : 'was removed by someone';
  return engineError('lock-lost', {
    message: `the lock ${key} in ${store.label} ${what}, so this run ended`,
    hint: 'This process was frozen or cut off for longer than the lock lasts, or someone deleted it. Run again.',
    context: { key, store: store.label, runId: by?.holder, host: by?.host, pid: by?.pid },
  });
}
