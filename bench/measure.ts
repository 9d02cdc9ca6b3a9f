/** Times whole commands, ours and a peer's in turn, so that a machine whose speed drifts hits both alike. */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Measurement {
  readonly wallSeconds: number;
  /** User and system time of the command and of all it started. */
  readonly cpuSeconds: number;
  /** The largest resident size of any one process of the command, in bytes. */
  readonly peakBytes: number;
}

export interface Command {
  readonly name: string;
  /** A line for bash. Its exit status must be 0, that of every part of a pipeline included. */
  readonly line: string;
  /** Done before each run, not timed. */
  readonly prepare?: () => Promise<void> | void;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // it has ended
  }
}

function peakOf(pid: number): number {
  try {
    const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.max(Number(kibibytes ?? 0) * 1024, ...childrenOf(pid).map(peakOf));
  } catch {
    return 0;
  }
}

/**
 * Runs one command once, when the disks have written what was before: whoever syncs would do that for all. Throws when it
 * fails: a number of a run that did not do its work is no number.
 */
export async function measure({ name, line, prepare }: Command): Promise<Measurement> {
  await prepare?.();
  execFileSync('sync');
  const script = `set -eo pipefail; TIMEFORMAT='holdfast-bench %R %U %S'; time { ${line}; }`;
  const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  let peakBytes = 0;
  const timer = setInterval(() => (peakBytes = Math.max(peakBytes, peakOf(child.pid ?? 0))), 50);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(timer);
  const [, wall, user, system] = /holdfast-bench ([\d.]+) ([\d.]+) ([\d.]+)/.exec(errors) ?? [];
  if (status !== 0 || wall === undefined) throw new Error(`${name} failed (${status}): ${errors}`);
  return { wallSeconds: Number(wall), cpuSeconds: Number(user) + Number(system), peakBytes };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const seconds = (value: number): string => `${value.toFixed(2)} s`.padStart(9);
const mebibytes = (value: number): string => `${Math.round(value / 1024 / 1024)} MiB`.padStart(8);

function row(name: string, runs: readonly Measurement[]): string {
  const wall = median(runs.map((run) => run.wallSeconds));
  const cpu = median(runs.map((run) => run.cpuSeconds));
  return `  ${name.padEnd(34)} wall ${seconds(wall)}  cpu ${seconds(cpu)}  peak ${mebibytes(Math.max(...runs.map((run) => run.peakBytes)))}`;
}

/**
 * Runs the peer and our commands in turn, after one uncounted run of each of ours, and prints medians and, for each of
 * ours, the ratio peer / ours as the median of the rounds.
 */
export async function compare(title: string, peer: Command, ours: readonly Command[], rounds = 3): Promise<void> {
  for (const command of ours) await measure(command);
  const peerRuns: Measurement[] = [];
  const ourRuns: Measurement[][] = ours.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    peerRuns.push(await measure(peer));
    for (const [index, command] of ours.entries()) ourRuns[index]!.push(await measure(command));
  }
  console.log(`${title}\n${row(peer.name, peerRuns)}`);
  for (const [index, command] of ours.entries()) {
    const runs = ourRuns[index]!;
    const ratio = median(runs.map((run, at) => peerRuns[at]!.wallSeconds / run.wallSeconds));
    console.log(`${row(command.name, runs)}  ratio ${ratio.toFixed(2)}`);
  }
  console.log();
}
