import type { Clock } from '../../base/clock.ts';

/** A clock that stands still but for `sleep`, which takes no real time. */
export class InstantClock implements Clock {
  readonly slept: number[] = [];
  private atMs = 0;

  now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.atMs);
  }

  monotonicMs(): number {
    return this.atMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.atMs += ms;
  }
}
