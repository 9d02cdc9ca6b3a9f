import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Logger } from '../../base/log.ts';

const execFileAsync = promisify(execFile);

/** Not every /bin/sh knows pipefail (dash learned it late); bash always has. */
const shells = ['/bin/sh', '/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash'];

async function knowsPipefail(shell: string, signal: AbortSignal): Promise<boolean> {
  try {
    await execFileAsync(shell, ['-c', 'set -o pipefail'], { signal });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/**
 * The argv that runs a shell line. A shell gives a pipeline the status of its last program: `pg_dump … | gzip` would
 * be a success after a failed dump. So a line with a pipe runs under `pipefail`, in the first shell that has it.
 */
export async function shellLine(
  line: string,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<readonly string[]> {
  const plain = ['/bin/sh', '-c', line];
  if (!/(?<!\|)\|(?!\|)/.test(line) || line.includes('pipefail')) return plain;
  for (const shell of shells) {
    if (await knowsPipefail(shell, signal)) return [shell, '-o', 'pipefail', '-c', line];
  }
  logger.warn('No shell here knows pipefail: a program that fails in the middle of a pipe will go unnoticed.');
  return plain;
}
