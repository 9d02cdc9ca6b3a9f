import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HoldfastOptions, HoldfastResult } from './holdfast.ts';

const program = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

/** Runs Holdfast below another program ("faketime -f +1h"), with nothing in its environment but what is given. */
async function runBelow(
  wrapper: readonly string[],
  args: readonly string[],
  options: HoldfastOptions,
): Promise<HoldfastResult> {
  const [first = '', ...rest] = [...wrapper, process.execPath, program, ...args];
  const child = spawn(first, rest, {
    env: { PATH: process.env['PATH'], ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

/** As a user whom permission bits stop: root has to give up the right to pass over them. */
export function withoutPrivileges(args: readonly string[], options: HoldfastOptions): Promise<HoldfastResult> {
  const dropRights = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--inh-caps', '-all'];
  return runBelow(process.getuid?.() === 0 ? dropRights : [], args, options);
}

/** With a clock that is wrong by so much: "+1h". */
export function withClockOff(by: string, args: readonly string[], options: HoldfastOptions): Promise<HoldfastResult> {
  return runBelow(['faketime', '-f', by], args, options);
}

/** With mounts that only this run sees, made by a line of a shell. A user who is not root is one in a namespace. */
export function withMounts(mounts: string, args: readonly string[], options: HoldfastOptions): Promise<HoldfastResult> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  // The mounts may hide where their own programs are, so they are made with the PATH of the tests.
  const line = `${mounts} && exec "$@"`;
  return runBelow(['unshare', ...asRoot, '--mount', '/bin/sh', '-c', line, 'sh'], args, options);
}

/** A line that makes a folder read-only. */
export const readOnly = (folder: string): string =>
  `mount --bind '${folder}' '${folder}' && mount -o remount,bind,ro '${folder}'`;

/** A line that makes a folder a disk with so much room. */
export const smallDisk = (folder: string, sizeKiB: number): string =>
  `mount -t tmpfs -o size=${sizeKiB}k none '${folder}'`;

/** A line that hides every PostgreSQL client: nothing is in the folders of distributions, nor in the PATH that follows. */
export const noPostgresClients = 'mount -t tmpfs none /usr/lib/postgresql && PATH=/nonexistent';
