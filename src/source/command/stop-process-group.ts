import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../../base/clock.ts';

/** How long a program may take to end after SIGTERM. */
export const graceMs = 5000;
const pollMs = 50;

/** Sends a signal to the group that `pid` leads (0 only asks). False when the group is gone. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Waits until the group is gone, `ms` at most. Says whether it is; an orphan that init has not reaped yet counts as there. */
async function groupEnds(pid: number, ms: number, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + ms;
  while (signalGroup(pid, 0)) {
    if (clock.monotonicMs() >= deadlineMs) return false;
    await clock.sleep(pollMs);
  }
  return true;
}

/**
 * Ends a program that was spawned with `detached`, and everything it started: SIGTERM, then SIGKILL to what is left
 * after `graceMs`. Resolves when the program itself has ended. Harmless when it had.
 */
export async function stopProcessGroup(child: ChildProcess, clock: Clock): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
  signalGroup(pid, 'SIGTERM');
  if (!(await groupEnds(pid, graceMs, clock))) signalGroup(pid, 'SIGKILL');
  await exited;
}
