/** Processes of a group that we started: who is still there, and how to end them. Linux only, as the tests are. */
import { globSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

interface GroupMember {
  readonly pid: number;
  /** The command line. */
  readonly command: string;
}

/** The text of a file of /proc; empty when the process has ended meanwhile. */
function readProcess(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The living processes of a group. One that has ended and waits for its parent to ask how doesn't count. */
export function membersOf(group: number): GroupMember[] {
  return globSync('/proc/[0-9]*/stat').flatMap((file) => {
    const [, pid, name = '', state = '', pgrp] = /^(\d+) \((.*)\) (\S) \d+ (\d+) /s.exec(readProcess(file)) ?? [];
    if (Number(pgrp) !== group || 'ZX'.includes(state)) return [];
    const command = readProcess(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    return [{ pid: Number(pid), command: command || name }];
  });
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // nobody is left
  }
}

/** Waits until nobody of the group is left, `ms` at most; returns who is. */
export async function waitForGroup(group: number, ms: number): Promise<GroupMember[]> {
  let left = membersOf(group);
  for (let waited = 0; left.length > 0 && waited < ms; waited += 100) {
    await delay(100);
    left = membersOf(group);
  }
  return left;
}

/** Ends a group: SIGTERM, then SIGKILL to those that are left after five seconds. */
export async function endGroup(group: number): Promise<void> {
  signalGroup(group, 'SIGTERM');
  if ((await waitForGroup(group, 5000)).length > 0) signalGroup(group, 'SIGKILL');
  await waitForGroup(group, 5000);
}

/**
 * Ends each test file's process that lives longer than `limitMs`, and says so: Node's own time limits don't end a file
 * that loops, or that something keeps open. Returns what ends the watch.
 */
export function limitTestFiles(group: number, limitMs: number): () => void {
  const firstSeenMs = new Map<number, number>();
  const timer = setInterval(() => {
    for (const { pid, command } of membersOf(group)) {
      const file = /^\S*node\b.* (\S+\.test\.ts)$/.exec(command)?.[1];
      if (file === undefined || pid === group) continue;
      const seenMs = firstSeenMs.get(pid) ?? performance.now();
      firstSeenMs.set(pid, seenMs);
      if (performance.now() - seenMs < limitMs) continue;
      console.error(`${file} took longer than ${limitMs / 1000} s and was ended`);
      process.kill(pid, 'SIGKILL');
    }
  }, 1000);
  return () => clearInterval(timer);
}
