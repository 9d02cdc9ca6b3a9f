import { readFile, readlink } from 'node:fs/promises';

/** What tells a process from all others that a machine has run since it started, whatever their numbers. */
export interface ProcessIdentity {
  /** Linux' id of this start of the machine. Containers share their host's. */
  readonly bootId: string;
  /** The space in which process numbers count: each container has its own. */
  readonly pidNamespace: string;
  /** When the process began, in clock ticks since the machine started. */
  readonly startTicks: string;
}

/** State and start of a process, from /proc/PID/stat (proc_pid_stat(5)): fields 3 and 22. */
async function statOf(pid: number | 'self'): Promise<{ readonly state: string; readonly startTicks: string }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Field 2 is the program's name in brackets, which may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
}

/** The identity of this process; undefined on a system that has no Linux /proc. */
export async function ownIdentity(): Promise<ProcessIdentity | undefined> {
  try {
    const [bootId, pidNamespace, { startTicks }] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
      statOf('self'),
    ]);
    return { bootId: bootId.trim(), pidNamespace, startTicks };
  } catch {
    return undefined;
  }
}

/**
 * True when it is certain that a process has ended: it ran on this machine since its last start, among the same process
 * numbers, and its number is free, a zombie's, or another process's. False whenever that can't be told.
 */
export async function hasEnded(pid: number, identity: ProcessIdentity | undefined): Promise<boolean> {
  const own = await ownIdentity();
  if (identity === undefined || own?.bootId !== identity.bootId || own.pidNamespace !== identity.pidNamespace)
    return false;
  try {
    const { state, startTicks } = await statOf(pid);
    return state === 'Z' || state === 'X' || startTicks !== identity.startTicks;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
