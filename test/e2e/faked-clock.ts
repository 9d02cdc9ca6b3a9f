import { existsSync, globSync } from 'node:fs';

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
