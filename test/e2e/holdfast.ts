import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const program: string = fileURLToPath(new URL('../../bin/holdfast.js', import.meta.url));

export interface HoldfastOptions {
  /** Beside the machine's own; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string;
  /** It is killed after this time, and `signal` says so. 5 minutes unless given. */
  readonly timeoutMs?: number;
  /** A program with its arguments that starts it: signals go to that program, then. */
  readonly below?: readonly string[];
}

export interface HoldfastResult {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The same, and which signal it was that ended it. */
export interface EndedHoldfast extends HoldfastResult {
  readonly signal: NodeJS.Signals | null;
}

/** A run under way. */
export interface RunningHoldfast {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when stdout or stderr has shown `words`; rejects when the run ends before. */
  shows(words: RegExp): Promise<void>;
  /** Resolves when the run has ended, however it did. */
  readonly ended: Promise<EndedHoldfast>;
}

/** Variables that would point the program at somebody's own servers, buckets, keys or settings. */
const foreign = /^(?:AWS_|HOLDFAST_|PG|BACKUP_|S3_|DATABASE_|RESTIC_|RCLONE_|NODE_OPTIONS$)/;

function cleanEnvironment(changes: HoldfastOptions['env'] = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(own), ...changes };
}

/** Starts the command line as a user does: the process is the program itself, so that a signal reaches it. */
export function startHoldfast(args: readonly string[], options: HoldfastOptions = {}): RunningHoldfast {
  const [first = process.execPath, ...rest] = [...(options.below ?? []), process.execPath, program, ...args];
  const child = spawn(first, rest, {
    env: cleanEnvironment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 300_000,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const ending = async (): Promise<EndedHoldfast> => {
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { status, signal, ...output };
  };
  const ended = ending();
  return {
    pid: child.pid as number,
    kill: (signal) => void child.kill(signal),
    shows: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (words.test(output.stdout) || words.test(output.stderr)) resolve();
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
        look();
        child.once('close', () => reject(new Error(`never said ${words}:\n${output.stdout}\n${output.stderr}`)));
      }),
    ended,
  };
}

/** Runs the command line as a user does, and resolves when it has ended, however it did. */
export function runHoldfast(args: readonly string[], options: HoldfastOptions = {}): Promise<EndedHoldfast> {
  return startHoldfast(args, options).ended;
}
