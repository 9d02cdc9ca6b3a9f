import { hasCode } from '../../base/errors.ts';
import { engineError } from '../errors.ts';
import { judgeLock, probeKey } from './judge-lock.ts';
import {
  lockedError,
  lostError,
  newDocument,
  nextBeat,
  type LockClaim,
  type LockRequest,
  type Takeover,
} from './lock-claim.ts';
import { encodeLock, readLock, type LockDocument, type ObservedLock } from './lock-document.ts';

/** Each round but the last was lost to another process that took or released the lock at the same moment. */
const mostRounds = 20;

/** How stores say that a condition does not hold. */
const refusals = ['store/already-exists', 'store/changed', 'store/not-found'];

interface Written {
  readonly document: LockDocument;
  readonly etag: string;
}

/** True when the store refuses the write, as it must. */
async function isRefused(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return false;
  } catch (error) {
    if (hasCode(error, ...refusals)) return true;
    // Amazon's store lets nobody compare who may not read: s3:GetObject is missing.
    if (hasCode(error, 'store/unsupported', 'store/access-denied')) return false;
    throw error;
  }
}

/** An etag of the same length that is wrong from its first letter on: Ceph compares no further than its own is long. */
const wrongEtag = (etag: string): string => etag.replaceAll(/./g, (letter) => (letter === '0' ? '1' : '0'));

/**
 * Tries on the lock that is ours whether the store obeys conditions: some take them and ignore them. What is written in
 * these trials is no lock of anyone.
 */
async function obeysConditions({ store, key, signal }: LockRequest, { etag }: Written): Promise<boolean> {
  const trial = Buffer.from('a trial, by which the store shows that it does not obey conditional writes\n');
  return (
    (await isRefused(store.put(key, trial, { ifAbsent: true, signal }))) &&
    (await isRefused(store.put(key, trial, { ifMatch: wrongEtag(etag), signal })))
  );
}

/** Takes the lock when it is free or its holder dead. Undefined when someone was quicker, or has just released it. */
async function tryTake(
  request: LockRequest,
): Promise<(Written & { readonly takeover: Takeover | undefined }) | undefined> {
  const { store, key, signal } = request;
  const document = await newDocument(request);
  const bytes = encodeLock(document);
  let seen: ObservedLock | undefined;
  try {
    return { document, etag: (await store.put(key, bytes, { ifAbsent: true, signal })).etag, takeover: undefined };
  } catch (error) {
    if (!hasCode(error, 'store/already-exists', 'store/changed')) throw error;
    seen = await readLock(store, key, signal);
  }
  if (seen === undefined) return undefined;
  const verdict = await judgeLock(seen, request, signal);
  if (verdict.alive) throw lockedError(request, seen, verdict.ageMs);
  const takeover = { reason: verdict.reason, from: seen.document, silentMs: verdict.ageMs };
  try {
    return { document, etag: (await store.put(key, bytes, { ifMatch: seen.info.etag, signal })).etag, takeover };
  } catch (error) {
    if (hasCode(error, ...refusals)) return undefined;
    if (!hasCode(error, 'store/access-denied')) throw error;
    // Comparing is not allowed: a dead holder's lock makes room, and whoever puts his own first has it.
    await store.delete([key], signal);
    return undefined;
  }
}

async function take(request: LockRequest): Promise<Written & { readonly takeover: Takeover | undefined }> {
  for (let round = 1; round <= mostRounds; round += 1) {
    const taken = await tryTake(request);
    if (taken) return taken;
  }
  throw engineError('locked', {
    message: `the lock ${request.key} in ${request.store.label} was taken ${mostRounds} times by others who came first`,
    hint: 'Many runs of one job seem to start all the time. Give them other times.',
    context: { key: request.key, store: request.store.label },
  });
}

/** A lock object that is written under conditions alone: taking, refreshing and taking over are one step each. */
class ConditionalClaim implements LockClaim {
  readonly takeover: Takeover | undefined;
  private readonly request: LockRequest;
  private written: Written;

  constructor(request: LockRequest, written: Written & { readonly takeover: Takeover | undefined }) {
    this.request = request;
    this.written = written;
    this.takeover = written.takeover;
  }

  async refresh(signal: AbortSignal): ReturnType<LockClaim['refresh']> {
    try {
      await this.beat(signal);
      return { held: true };
    } catch (error) {
      if (!hasCode(error, ...refusals)) throw error;
    }
    // Either someone else wrote it, or an earlier beat of ours arrived of which we never heard.
    const seen = await readLock(this.request.store, this.request.key, signal);
    if (seen?.document?.token !== this.written.document.token)
      return { held: false, ...(seen?.document ? { by: seen.document } : {}) };
    this.written = { document: seen.document, etag: seen.info.etag };
    await this.beat(signal);
    return { held: true };
  }

  async remove(signal: AbortSignal): Promise<void> {
    const { store, key } = this.request;
    // A judge that was killed may have left its probe; removing what is not there costs nothing.
    await store.delete([key, probeKey(key)], signal);
  }

  private async beat(signal: AbortSignal): Promise<void> {
    const { store, key, clock } = this.request;
    const document = nextBeat(this.written.document, clock);
    const { etag } = await store.put(key, encodeLock(document), { ifMatch: this.written.etag, signal });
    this.written = { document, etag };
  }
}

async function canRefresh(claim: ConditionalClaim, { store, key, signal }: LockRequest): Promise<boolean> {
  let state: Awaited<ReturnType<LockClaim['refresh']>>;
  try {
    state = await claim.refresh(signal);
  } catch (error) {
    if (hasCode(error, ...refusals, 'store/unsupported')) return false;
    throw error;
  }
  if (!state.held) throw lostError(store, key, state.by);
  return true;
}

/**
 * Takes a lock by conditional writes. Undefined on a store that has none, or none that hold, and then nothing is left
 * there. engine/locked while someone else has the lock.
 */
export async function claimConditionally(request: LockRequest): Promise<LockClaim | undefined> {
  const { store, key, signal } = request;
  let taken: Awaited<ReturnType<typeof take>>;
  try {
    taken = await take(request);
  } catch (error) {
    if (hasCode(error, 'store/unsupported')) return undefined;
    throw error;
  }
  const claim = new ConditionalClaim(request, taken);
  try {
    // The last trial is a refresh: there are stores that refuse one with the right etag.
    if ((await obeysConditions(request, taken)) && (await canRefresh(claim, request))) return claim;
  } catch (error) {
    // The first failure is the one to tell; a lock that stays behind expires.
    if (!hasCode(error, 'engine/lock-lost')) await store.delete([key]).catch(() => {});
    throw error;
  }
  await store.delete([key], signal);
  return undefined;
}
