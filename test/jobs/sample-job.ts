import type { Job } from '../../src/config/index.ts';
import type { Clock } from '../../src/base/clock.ts';

/** A job that backs up a folder into a folder. */
export function folderJob(source: string, target: string, more: Partial<Job> = {}): Job {
  return {
    name: 'nightly',
    sources: [{ type: 'directory', path: source, name: 'data' }],
    vaults: [{ name: 'disk', spec: { type: 'archive' }, store: { type: 'local', path: target } }],
    tags: [],
    limits: {},
    notify: [],
    ...more,
  };
}

/** A clock on which a pause takes no time, but is remembered. */
export function impatientClock(start = '2026-03-01T00:00:00Z'): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  let atMs = Date.parse(start);
  return {
    slept,
    now: () => new Date(atMs),
    monotonicMs: () => atMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      atMs += ms;
    },
  };
}
