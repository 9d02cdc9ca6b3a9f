/** Runs test files under Node's own runner, in a temporary folder and a process group that must both end up empty. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endGroup, limitTestFiles, waitForGroup } from './process-group.ts';
import { startTestServices, type TestServices } from './test-services.ts';

export interface RunTestsOptions {
  readonly files: readonly string[];
  /** More options for `node --test`. */
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** A test that sets no limit of its own fails after this time. */
  readonly testLimitMs: number;
  /** A test file is ended, and fails, after this time. */
  readonly fileLimitMs: number;
}

/** What belongs to whoever runs the tests: their buckets and servers are not ours to touch. */
const foreign = /^(?:AWS|RESTIC|RCLONE|PG|BACKUP|S3|DATABASE|DOCKER|HOLDFAST)_?(?!TEST_)/;

function testEnvironment(added: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name) || name.startsWith('HOLDFAST_TEST_'));
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  // restic writes times in the machine's zone: a test of other zones says so.
  return { ...Object.fromEntries(own), PATH: path, TZ: 'UTC', ...added };
}

/** A temporary folder for this run alone; other users (a database's) may go through it. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hft-'));
  chmodSync(folder, 0o755);
  return folder;
}

function nodeArguments({ files, options, testLimitMs }: RunTestsOptions): string[] {
  const defaults = [
    ['--test-timeout=', String(testLimitMs)],
    ['--test-concurrency=', String(Math.max(2, availableParallelism()))],
    ['--test-reporter=', join(import.meta.dirname, 'concise-reporter.ts')],
  ];
  const wanted = defaults.filter(([name = '']) => !options.some((option) => option.startsWith(name)));
  return ['--test', ...wanted.map((parts) => parts.join('')), ...options, ...files];
}

/**
 * Runs `node --test` and resolves with its exit status. On `signal` everything that it started is ended first. The lines
 * of its summary go to `summary` instead of the terminal: what else is to be said comes before them.
 */
async function runNode(
  options: RunTestsOptions,
  { env, signal, summary }: { env: NodeJS.ProcessEnv; signal: AbortSignal; summary: string[] },
): Promise<number> {
  const args = nodeArguments(options);
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  createInterface(child.stdout).on('line', (line) => (line.startsWith('ℹ ') ? summary.push(line) : console.log(line)));
  const group = child.pid;
  if (group === undefined) return 1;
  const endWatch = limitTestFiles(group, options.fileLimitMs);
  const status = await new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
    signal.addEventListener('abort', () => void endGroup(group), { once: true });
  });
  endWatch();
  // What was killed last may still be ending.
  const left = await waitForGroup(group, 30_000);
  if (left.length === 0) return status;
  if (!signal.aborted)
    console.error(`left running: ${left.map(({ pid, command }) => `${command} (${pid})`).join(', ')}`);
  await endGroup(group);
  return status || 1;
}

/** Aborts at Ctrl+C or SIGTERM; a second one is not waited for. The reason is the exit status. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => controller.abort(128 + constants.signals[name]));
  return controller.signal;
}

/**
 * Runs the files and returns the exit status: that of the tests, or 1 when they left a process or a file behind, or 128
 * plus a signal's number. Services are started unless all the files are unit tests.
 */
export async function runTests(options: RunTestsOptions): Promise<number> {
  const signal = interruption();
  const folder = temporaryFolder();
  process.env['TMPDIR'] = folder;
  const summary: string[] = [];
  let services: TestServices | undefined;
  let status = 1;
  try {
    if (options.files.some((file) => !/^(?:src|test\/docs)\//.test(file))) services = await startTestServices();
    const env = testEnvironment({ ...services?.environment, ...options.environment });
    if (!signal.aborted) status = await runNode(options, { env, signal, summary });
  } finally {
    await services?.stop();
    const left = readdirSync(folder).filter((name) => name !== 'node-compile-cache');
    rmSync(folder, { recursive: true, force: true });
    if (left.length > 0 && !signal.aborted) {
      console.error(`left in the temporary folder: ${left.join(', ')}`);
      status ||= 1;
    }
  }
  for (const line of summary) console.log(line);
  return signal.aborted ? (signal.reason as number) : status;
}
