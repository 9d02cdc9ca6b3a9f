import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { MiB, rechunk } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { type HoldfastError, messageOf, systemCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { scrub } from '../../base/secrets.ts';
import { sourceError } from '../errors.ts';
import { stopProcessGroup } from './stop-process-group.ts';

export interface ProgramOutputOptions {
  /** The name that messages call the program by. Holds no secret. */
  readonly label: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly timeoutMs?: number | undefined;
  readonly allowEmpty: boolean;
  readonly input?: 'inherit' | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Program = ChildProcessByStdio<null, Readable, Readable>;
/** How a program ended. */
type Ending = { readonly status: number | null; readonly signal: NodeJS.Signals | null } | { readonly error: Error };

const chunkSizeBytes = MiB;
const stderrLimit = 8192;
const stderrLines = 10;
/** A daemon that the program left behind may hold stderr open; its words are not worth waiting for. */
const stderrGraceMs = 1000;

function start({ argv, environment, workingDirectory, label, input }: ProgramOutputOptions): Program {
  const [program = '', ...args] = argv;
  try {
    return spawn(program, args, {
      cwd: workingDirectory,
      env: { ...environment },
      stdio: [input ?? 'ignore', 'pipe', 'pipe'],
      detached: true, // a process group of its own, so that all of it can be ended
    });
  } catch (error) {
    throw notStarted(label, error);
  }
}

function notStarted(label: string, error: unknown): HoldfastError {
  const missing = ['ENOENT', 'EACCES'].includes(systemCode(error) ?? '');
  return sourceError(missing ? 'tool-missing' : 'command-failed', {
    message: `The program "${label}" could not be started: ${scrub(messageOf(error))}.`,
    hint: 'Check "command" and "workingDirectory".',
    cause: error,
  });
}

/** Gathers the end of stderr; `text()` is its last lines, without secrets. */
function tailOf(stderr: Readable): { text(): string; readonly ended: Promise<void> } {
  let bytes = Buffer.alloc(0);
  let cut = false;
  stderr.on('data', (chunk: Buffer) => {
    const all = Buffer.concat([bytes, chunk]);
    cut ||= all.length > stderrLimit;
    bytes = all.subarray(-stderrLimit);
  });
  stderr.on('error', () => {}); // what was read until then is still the best there is
  const ended = new Promise<void>((resolve) => stderr.once('close', resolve));
  const text = (): string => {
    const lines = bytes.toString().trim().split(/\r?\n/);
    // Half a secret would not be recognized: a line that was cut stays out.
    return scrub((cut ? lines.slice(1) : lines).slice(-stderrLines).join('\n'));
  };
  return { text, ended };
}

function endingOf(child: Program): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('exit', (status, signal) => resolve({ status, signal }));
    child.once('error', (error) => resolve({ error }));
  });
}

function assertSucceeded(ending: Ending, stderr: string, { label }: ProgramOutputOptions): void {
  if ('error' in ending) throw notStarted(label, ending.error);
  if (ending.status === 0) return;
  const how = ending.signal ? `was ended by ${ending.signal}` : `failed with exit status ${ending.status}`;
  throw sourceError('command-failed', {
    message: `The program "${label}" ${how}${stderr ? `: ${stderr}` : ', and wrote nothing to stderr.'}`,
    hint: 'Run the same command by hand, as the same user, and mend what it complains about.',
    context: { exitStatus: ending.status, signal: ending.signal },
  });
}

function assertNotEmpty(total: number, { label, allowEmpty }: ProgramOutputOptions): void {
  if (total > 0 || allowEmpty) return;
  throw sourceError('empty-output', {
    message: `The program "${label}" ended with success but wrote nothing to stdout.`,
    hint: 'Make it write its data to stdout; set allowEmpty: true if nothing can be right.',
  });
}

/** A signal that aborts with `signal`, or with source/command-failed when the time is up. `done` ends the timer. */
function withTimeout(options: ProgramOutputOptions): { readonly signal: AbortSignal; readonly done: () => void } {
  const { label, timeoutMs, clock } = options;
  if (timeoutMs === undefined) return { signal: options.signal, done: () => {} };
  const timedOut = new AbortController();
  const timer = new AbortController();
  const error = sourceError('command-failed', {
    message: `The program "${label}" ran longer than ${timeoutMs} ms and was ended.`,
    hint: 'Raise timeoutMs, or find out what it waits for.',
    context: { timeoutMs },
  });
  clock.sleep(timeoutMs, timer.signal).then(
    () => timedOut.abort(error),
    () => {}, // the program was faster
  );
  return { signal: AbortSignal.any([options.signal, timedOut.signal]), done: () => timer.abort() };
}

/** Waits for `event`, but no longer than `ms`. */
async function waitAtMost(event: Promise<void>, ms: number, clock: Clock): Promise<void> {
  const timer = new AbortController();
  await Promise.race([event, clock.sleep(ms, timer.signal).catch(() => {})]);
  timer.abort();
}

/**
 * Runs a program and yields its stdout in blocks of 1 MiB, as fast as they are taken. Ends only after the program has
 * ended with status 0. Throws source/tool-missing, source/command-failed (with the end of stderr), source/empty-output,
 * or the signal's reason. Whoever stops reading early, by `break` or by the signal, ends the program and all it started.
 */
export async function* programOutput(options: ProgramOutputOptions): AsyncGenerator<Uint8Array, void, undefined> {
  options.signal.throwIfAborted();
  const { clock, label, logger } = options;
  const child = start(options);
  const { signal, done } = withTimeout(options);
  const ending = endingOf(child);
  const stderr = tailOf(child.stderr);
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= stopProcessGroup(child, clock);
    child.stdout.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  let total = 0;
  let ended: Ending | undefined;
  try {
    for await (const block of rechunk(child.stdout, chunkSizeBytes)) {
      total += block.length;
      yield block;
    }
    ended = await ending;
    signal.throwIfAborted();
    await waitAtMost(stderr.ended, stderrGraceMs, clock);
    const words = stderr.text();
    assertSucceeded(ended, words, options);
    assertNotEmpty(total, options);
    if (words) logger.info(`The program "${label}" wrote to stderr.`, { stderr: words });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    done();
    signal.removeEventListener('abort', stop);
    if (ended === undefined) stop();
    await stopping;
    child.stdout.destroy();
    child.stderr.destroy();
  }
}
