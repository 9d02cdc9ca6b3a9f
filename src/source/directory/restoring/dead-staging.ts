import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, systemCode } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { removeTree } from './remove-tree.ts';

/** Where staging directories of a target stand, and how their names begin. */
export interface StagingNames {
  readonly directory: string;
  readonly prefix: string;
}

/** Says within which processes a number of a process means the same one; undefined where the system doesn't tell. */
function processRealm(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const identity = `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
    return createHash('sha256').update(identity).digest('hex').slice(0, 12);
  } catch {
    return undefined;
  }
}

/** When a process began, in ticks: its number may be given to another one when it is dead. See proc_pid_stat(5). */
function startTicksOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}

/** How the name of a staging directory that this process makes begins: what follows tells others whether we live. */
export function ownStagingPrefix(prefix: string): string {
  const realm = processRealm();
  return realm === undefined ? prefix : `${prefix}${realm}-${process.pid}-${startTicksOf('self')}-`;
}

/**
 * Removes what restores that were killed left where the next one for the same target writes. A directory whose maker
 * may still live (on this machine, or on another one that shares the disk) stays. A failure is a warning.
 */
export async function removeDeadStaging({ directory, prefix }: StagingNames, logger: Logger): Promise<void> {
  const realm = processRealm();
  for (const name of await readdir(directory)) {
    const [, maker, pid = '', startTicks] = /^([0-9a-f]{12})-(\d+)-(\d+)-/.exec(name.slice(prefix.length)) ?? [];
    if (!name.startsWith(prefix) || maker === undefined || maker !== realm) continue;
    if (startTicksOf(pid) === startTicks) continue;
    const location = join(directory, name);
    try {
      await removeTree(Buffer.from(location));
      logger.info('Removed what a restore that was killed had left.', { location });
    } catch (error) {
      logger.warn(`What a restore that was killed left in ${location} could not be removed: ${messageOf(error)}`);
    }
  }
}
