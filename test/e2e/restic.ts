import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** What restic shows of a snapshot, in JSON. */
export interface ResticSnapshot {
  readonly id: string;
  readonly tree: string;
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly tags?: readonly string[];
  readonly time: string;
}

export interface ResticOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs the real restic, which must end well; returns what it printed. */
export function restic(args: readonly string[], { cwd, env }: ResticOptions): string {
  const { status, stdout, stderr } = spawnSync('restic', ['--no-cache', ...args], {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.equal(status, 0, `restic ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

/** The snapshots that restic sees, oldest first. */
export const resticSnapshots = (options: ResticOptions): readonly ResticSnapshot[] =>
  JSON.parse(restic(['snapshots', '--json'], options)) as ResticSnapshot[];
