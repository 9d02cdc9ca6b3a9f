import { setTimeout as delay } from 'node:timers/promises';

/** Time as the product sees it. Only this file reads the machine's clock; everything else is handed a Clock. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /** Milliseconds that only ever grow; for measuring durations. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      throw signal?.reason ?? error;
    }
  },
};

/** Reads an RFC 3339 time ("2026-03-01T02:03:04.567Z") or an HTTP date; undefined when it is no time. */
export function parseTime(text: string): Date | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** The moment `ms` milliseconds before another. */
export function before(time: Date, ms: number): Date {
  return new Date(time.getTime() - ms);
}

/** The moment `epochMs` milliseconds after the beginning of 1970 (UTC). */
export function momentAt(epochMs: number): Date {
  return new Date(epochMs);
}
