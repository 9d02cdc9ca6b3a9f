import type { Clock } from '../../base/clock.ts';

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** Lets everything that waits for nothing but promises get on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  private atMs = 0;
  private sleepers: Sleeper[] = [];

  now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.atMs);
  }

  monotonicMs(): number {
    return this.atMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sleeper: Sleeper = { untilMs: this.atMs + ms, wake: resolve };
      this.sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper);
        reject(signal.reason as Error);
      });
    });
  }

  /** Goes on by `ms`, and wakes who sleeps on the way, each at his time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.atMs + ms;
    await settle();
    for (;;) {
      const next = this.sleepers.filter(({ untilMs }) => untilMs <= endMs).sort((a, b) => a.untilMs - b.untilMs)[0];
      if (next === undefined) break;
      this.sleepers = this.sleepers.filter((other) => other !== next);
      this.atMs = Math.max(this.atMs, next.untilMs);
      next.wake();
      await settle();
    }
    this.atMs = endMs;
  }

  /** Jumps on by `ms`, as for a process that was frozen: who should have woken meanwhile wakes at the end, once. */
  async freeze(ms: number): Promise<void> {
    this.atMs += ms;
    await this.advance(0);
  }

  /** Goes on, a second at a time, until `work` is done. */
  async until<Result>(work: Promise<Result>): Promise<Result> {
    const state = { isDone: false };
    const watching = Promise.allSettled([work]).then(() => (state.isDone = true));
    while (!state.isDone) await this.advance(1000);
    await watching;
    return work;
  }
}
