import type { Clock } from '../base/clock.ts';

/**
 * Lets bytes pass at a steady rate: each call is given the time after all earlier ones, in the order of the calls.
 * At most `burstMs` of unused time is kept.
 */
export class RateLimit {
  private readonly bytesPerMs: number;
  private readonly clock: Clock;
  private readonly burstMs: number;
  private freeAtMs = 0;

  /** `kilobytesPerSecond` counts 1000 bytes. */
  constructor(kilobytesPerSecond: number, clock: Clock, burstMs = 100) {
    this.bytesPerMs = kilobytesPerSecond;
    this.clock = clock;
    this.burstMs = burstMs;
  }

  /** Resolves when `bytes` more may pass; rejects with the signal's reason. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const startMs = Math.max(this.freeAtMs, nowMs - this.burstMs);
    this.freeAtMs = startMs + bytes / this.bytesPerMs;
    const waitMs = this.freeAtMs - nowMs;
    if (waitMs > 0) await this.clock.sleep(waitMs, signal);
  }
}
