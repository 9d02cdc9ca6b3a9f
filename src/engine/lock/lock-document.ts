import { collect, KiB } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../store/index.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** Who asks for a lock. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  readonly runId: string;
}

/** What a lock object says, as JSON. Its times are by the holder's clock, for people; nothing is judged by them. */
export interface LockDocument {
  readonly formatVersion: 1;
  /** The run's id. */
  readonly holder: string;
  readonly host: string;
  readonly pid: number;
  /** Where the holder's system tells: enough for another process of the same machine to see that it has died. */
  readonly process?: ProcessIdentity;
  readonly acquiredAt: string;
  readonly refreshedAt: string;
  readonly expiresAt: string;
  /** For so long after the object was last written the holder counts as alive. */
  readonly expirySeconds: number;
  /** Random; the same from taking to releasing. */
  readonly token: string;
  /** Counts the writes, so that no two have the same bytes, and so the same etag. */
  readonly beat: number;
}

/** A lock object as it was found. */
export interface ObservedLock {
  readonly info: ObjectInfo;
  /** Undefined when it holds something else than a lock document. */
  readonly document: LockDocument | undefined;
}

const largestDocumentBytes = 64 * KiB;

export function encodeLock(document: LockDocument): Buffer {
  return Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`);
}

function isIdentity(value: unknown): value is ProcessIdentity {
  const { bootId, pidNamespace, startTicks } = (value ?? {}) as Partial<Record<keyof ProcessIdentity, unknown>>;
  return [bootId, pidNamespace, startTicks].every((field) => typeof field === 'string');
}

function isLockDocument(value: unknown): value is LockDocument {
  const { formatVersion, holder, host, pid, process, acquiredAt, token, expirySeconds, beat } = (value ??
    {}) as Partial<Record<keyof LockDocument, unknown>>;
  return (
    formatVersion === 1 &&
    [holder, host, acquiredAt, token].every((field) => typeof field === 'string') &&
    [pid, beat].every((field) => Number.isInteger(field)) &&
    typeof expirySeconds === 'number' &&
    expirySeconds > 0 &&
    (process === undefined || isIdentity(process))
  );
}

/** The document, or undefined when the bytes are none. */
export function decodeLock(bytes: Uint8Array): LockDocument | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isLockDocument(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The lock object as it is now; undefined when there is none. */
export async function readLock(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<ObservedLock | undefined> {
  let info: ObjectInfo | undefined;
  let document: LockDocument | undefined;
  try {
    const chunks = store.get(key, { signal, onInfo: (found) => (info = found) });
    document = decodeLock(await collect(chunks, largestDocumentBytes));
  } catch (error) {
    if (hasCode(error, 'store/not-found')) return undefined;
    // Too long for a lock document: something else. And what may not be read may still be looked at.
    if (!(error instanceof RangeError) && !hasCode(error, 'store/access-denied')) throw error;
  }
  // Not every store tells of an object without bytes while it is read.
  info ??= await store.head(key, signal);
  return info && { info, document };
}
