import { createHash } from 'node:crypto';

/**
 * How many milliseconds after its due time a job starts: 0 up to `jitterSeconds`, spread evenly over the seeds. The seed
 * names machine, job and due time, so that many machines differ, and a daemon that is restarted waits no second time.
 */
export function jitterMs(jitterSeconds: number, seed: string): number {
  const digest = createHash('sha256').update(seed).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * jitterSeconds * 1000);
}
