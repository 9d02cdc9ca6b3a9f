import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Clock } from '../../base/clock.ts';
import { engineError } from '../errors.ts';
import { lostError, type LockClaim, type LockRequest, type Takeover } from './lock-claim.ts';

/** A lock that is ours until it is released, or lost. */
export interface HeldLock {
  /** Whose lock it was before, when he had died: the run's report tells it. */
  readonly takeover: Takeover | undefined;
  /** Aborts, with engine/lock-lost, when the lock is no longer ours or that can't be told any more: the run must end. */
  readonly signal: AbortSignal;
  /** Gives it back. Call it in any case. Never rejects: what can't be removed expires. */
  release(): Promise<void>;
}

/** Parts of the time after which the lock expires. */
const refreshPart = 1 / 4;
const retryPart = 1 / 16;
/** When it must be known that the lock is still ours. What is left is for the run to come to its end. */
const deadlinePart = 7 / 8;
/** The least time for one refresh: also when a frozen process wakes after the deadline. */
const shortestPart = 1 / 8;
const longestReleaseMs = 30_000;

/** Runs `work` with a signal that also aborts after `limitMs`. */
async function withLimit<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
  { clock, limitMs, signal }: { readonly clock: Clock; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<Result> {
  const over = new AbortController();
  const done = new AbortController();
  const waiting = clock.sleep(limitMs, AbortSignal.any([done.signal, signal])).then(
    () => over.abort(new Error(`no answer within ${Math.round(limitMs)} ms`)),
    () => {},
  );
  try {
    return await work(AbortSignal.any([over.signal, signal]));
  } finally {
    done.abort();
    await waiting;
  }
}

/** Keeps a lock alive by a refresh every quarter of its expiry, and tells when it is lost. */
class KeptLock implements HeldLock {
  readonly takeover: Takeover | undefined;
  private readonly claim: LockClaim;
  private readonly request: LockRequest;
  private readonly logger: Logger;
  private readonly lost = new AbortController();
  private readonly stop = new AbortController();
  private readonly keeping: Promise<void>;
  private heardMs: number;
  private isReleased = false;

  constructor(claim: LockClaim, request: LockRequest, { logger, takenMs }: { logger: Logger; takenMs: number }) {
    this.claim = claim;
    this.takeover = claim.takeover;
    this.request = request;
    this.logger = logger;
    this.heardMs = takenMs;
    this.keeping = this.keep();
  }

  get signal(): AbortSignal {
    return this.lost.signal;
  }

  async release(): Promise<void> {
    if (this.isReleased) return;
    this.isReleased = true;
    this.stop.abort();
    await this.keeping;
    if (this.lost.signal.aborted) return;
    const { key, store } = this.request;
    const signal = AbortSignal.timeout(Math.min(this.part(shortestPart), longestReleaseMs));
    try {
      // A fresh sign of life first: until it expires nobody else can have put a lock of his own where we delete.
      const state = await this.claim.refresh(signal);
      if (state.held) await this.claim.remove(signal);
      else this.logger.warn(lostError(store, key, state.by).message, { key });
    } catch (error) {
      this.logger.warn(`The lock ${key} could not be removed; it expires by itself: ${messageOf(error)}`, { key });
    }
  }

  private part(share: number): number {
    return this.request.expirySeconds * 1000 * share;
  }

  /** Never rejects. Ends when the lock is released or lost. */
  private async keep(): Promise<void> {
    const { clock } = this.request;
    let pauseMs = this.part(refreshPart);
    while (!this.lost.signal.aborted) {
      try {
        await clock.sleep(pauseMs, this.stop.signal);
      } catch {
        return; // released
      }
      pauseMs = this.part((await this.tryRefresh()) ? refreshPart : retryPart);
      if (this.stop.signal.aborted) return;
    }
  }

  /** False when it could not be told whether the lock is still ours. */
  private async tryRefresh(): Promise<boolean> {
    const { clock, store, key } = this.request;
    const startMs = clock.monotonicMs();
    const leftMs = this.heardMs + this.part(deadlinePart) - startMs;
    const limitMs = Math.max(leftMs, this.part(shortestPart));
    try {
      const state = await withLimit((signal) => this.claim.refresh(signal), {
        clock,
        limitMs,
        signal: this.stop.signal,
      });
      // Counted from before the request: the store may have written at any time since.
      if (state.held) this.heardMs = startMs;
      else this.lost.abort(lostError(store, key, state.by));
      return true;
    } catch (error) {
      if (this.stop.signal.aborted) return false;
      this.logger.warn(`The lock ${key} could not be refreshed: ${messageOf(error)}`, { key });
      if (clock.monotonicMs() - this.heardMs >= this.part(deadlinePart)) this.lost.abort(this.silentError(error));
      return false;
    }
  }

  private silentError(cause: unknown): Error {
    const { key, store, clock } = this.request;
    const silentSeconds = Math.round((clock.monotonicMs() - this.heardMs) / 1000);
    return engineError('lock-lost', {
      message: `the lock ${key} in ${store.label} could not be refreshed for ${silentSeconds} s, so another run may have it`,
      hint: 'The store did not answer for too long. Run again when it does; a longer expiry bridges longer gaps.',
      context: { key, store: store.label },
      cause,
    });
  }
}

/** Keeps a lock that was taken when the monotonic clock showed `takenMs` or later. */
export function keepLock(
  claim: LockClaim,
  request: LockRequest,
  options: { readonly logger: Logger; readonly takenMs: number },
): HeldLock {
  return new KeptLock(claim, request, options);
}
