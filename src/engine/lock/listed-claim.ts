import { randomInt } from 'node:crypto';
import type { ObjectInfo } from '../../store/index.ts';
import { judgeLock } from './judge-lock.ts';
import { lockedError, newDocument, nextBeat, type LockClaim, type LockRequest, type Takeover } from './lock-claim.ts';
import { encodeLock, readLock, type LockDocument } from './lock-document.ts';

/** Between announcing oneself and looking for others; who announces later than that sees us. */
const settleMs = 2000;

/** How often two who announced themselves at once, and so both stepped back, try again. */
const mostRounds = 5;

/** What stands in the way of taking the lock, or the dead holders that do not. */
interface Others {
  readonly rival: { readonly error: Error; readonly isStarting: boolean } | undefined;
  readonly dead: readonly { readonly key: string; readonly takeover: Takeover }[];
}

const folderOf = (key: string): string => `${key}.holders/`;

async function listOthers(request: LockRequest, own: string): Promise<ObjectInfo[]> {
  const { store, key, signal } = request;
  const all = await Array.fromAsync(store.list({ prefix: folderOf(key), signal }));
  return all.filter((info) => info.key !== own);
}

async function judgeOthers(request: LockRequest, own: string): Promise<Others> {
  const { store, signal } = request;
  const dead: { key: string; takeover: Takeover }[] = [];
  for (const { key } of await listOthers(request, own)) {
    const seen = await readLock(store, key, signal);
    if (seen === undefined) continue;
    const verdict = await judgeLock(seen, request, signal);
    if (verdict.alive) {
      const isStarting = seen.document?.beat === 0 && verdict.ageMs <= 3 * settleMs;
      return { rival: { error: lockedError(request, seen, verdict.ageMs), isStarting }, dead };
    }
    dead.push({ key, takeover: { reason: verdict.reason, from: seen.document, silentMs: verdict.ageMs } });
  }
  return { rival: undefined, dead };
}

/** One of several objects below the lock's key: whoever is alone there has the lock. */
class ListedClaim implements LockClaim {
  readonly takeover: Takeover | undefined;
  private readonly request: LockRequest;
  private readonly key: string;
  private document: LockDocument;

  constructor(
    request: LockRequest,
    own: { readonly key: string; readonly document: LockDocument },
    takeover?: Takeover,
  ) {
    this.request = request;
    this.key = own.key;
    this.document = own.document;
    this.takeover = takeover;
  }

  async refresh(signal: AbortSignal): ReturnType<LockClaim['refresh']> {
    const { store, clock } = this.request;
    // Whoever takes over removes the object first.
    if ((await store.head(this.key, signal)) === undefined) return { held: false };
    this.document = nextBeat(this.document, clock);
    await store.put(this.key, encodeLock(this.document), { signal });
    return { held: true };
  }

  async remove(signal: AbortSignal): Promise<void> {
    await this.request.store.delete([this.key], signal);
  }
}

/**
 * Takes a lock on a store without conditional writes, as restic does: everyone announces himself by an object of his
 * own, waits, and has the lock when he then sees nobody else alive; else he steps back. Two can never both see
 * themselves alone, as long as a write shows in a list within the wait. engine/locked while someone else has it.
 */
export async function claimByListing(request: LockRequest): Promise<LockClaim> {
  const { store, clock, signal } = request;
  for (let round = 1; ; round += 1) {
    const document = await newDocument(request);
    const own = { key: `${folderOf(request.key)}${document.token}`, document };
    await store.put(own.key, encodeLock(document), { signal });
    try {
      await clock.sleep(settleMs, signal);
      const { rival, dead } = await judgeOthers(request, own.key);
      if (rival === undefined) {
        await store.delete(
          dead.map(({ key }) => key),
          signal,
        );
        const claim = new ListedClaim(request, own, dead.at(-1)?.takeover);
        await claim.refresh(signal); // no longer one of those who start
        return claim;
      }
      if (!rival.isStarting || round === mostRounds) throw rival.error;
    } catch (error) {
      await store.delete([own.key]).catch(() => {}); // the first failure is the one to tell; the object expires
      throw error;
    }
    await store.delete([own.key], signal);
    await clock.sleep(randomInt(2 * settleMs), signal);
  }
}
