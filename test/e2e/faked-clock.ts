import { existsSync, globSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Where distributions keep the library that answers every question for the time. */
function library(): string {
  const found = globSync('/usr/{lib,lib64,local/lib}{,/*}/faketime/libfaketimeMT.so.1').find((file) =>
    existsSync(file),
  );
  if (found === undefined) throw new Error('libfaketime is not on this machine (package: faketime)');
  return found;
}

/**
 * Variables that let a process, and those it starts, see another time: "-9d" is nine days ago, "+0 x60" runs sixty times
 * as fast. Unlike the program `faketime` there is no process between, so signals reach the one that is meant.
 */
export function fakedClock(offset: string): Record<string, string> {
  const steady = offset.includes('x') ? {} : { DONT_FAKE_MONOTONIC: '1' };
  return { LD_PRELOAD: library(), FAKETIME: offset, ...steady };
}

/** The same, so that the clock shows `time` when a process starts. */
export function clockAt(time: Date): Record<string, string> {
  const seconds = Math.round((time.getTime() - Date.now()) / 1000);
  return fakedClock(`${seconds < 0 ? '' : '+'}${seconds}s`);
}

/** Waits for the next day of a zone where it is near: who counts in days from now on must not meet its beginning. */
export async function clearOfMidnight(zone: string): Promise<void> {
  const now = Temporal.Now.zonedDateTimeISO(zone);
  const leftMs = now.startOfDay().add({ days: 1 }).epochMilliseconds - now.epochMilliseconds;
  if (leftMs < 60_000) await delay(leftMs + 1000);
}

/** Waits for the next second: a backup that is named by its second is refused where there is another one of it. */
export async function nextSecond(): Promise<void> {
  await delay(1000 - (Date.now() % 1000) + 1);
}

/** The date of so many days ago, as it stands in a name: "20260301" (UTC). */
export function dayBefore(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
}
