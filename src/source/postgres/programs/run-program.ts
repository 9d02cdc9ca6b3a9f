import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { KiB, rechunk } from '../../../base/bytes.ts';
import { scrub } from '../../../base/secrets.ts';

export interface ProgramCall {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** How a program ended. `errors` is the end of what it wrote to stderr, scrubbed. */
export interface ProgramEnd {
  readonly status: number | null;
  readonly killedBy: string | null;
  readonly errors: string;
}

/** A program that runs. */
export interface RunningProgram {
  readonly stdin: Writable;
  /**
   * What it writes, in large blocks; ends when it closes its output, which says nothing of success. Call it once.
   * `onFirst` is called when the first byte has come, before a block is full.
   */
  output(onFirst?: () => void): AsyncGenerator<Uint8Array>;
  /** Resolves when it has ended and been waited for. Never rejects; a program that can't be started has no status. */
  readonly ended: Promise<ProgramEnd>;
  /** Asks it to end, insists after `graceMs`, and resolves when it is gone. */
  kill(graceMs?: number): Promise<ProgramEnd>;
}

const blockBytes = 256 * KiB;
const keptErrorBytes = 8 * KiB;
const keptErrorLines = 12;
const defaultGraceMs = 3000;

/** Keeps the end of a stream of text: what a program says last is why it failed. */
function keepTail(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(-keptErrorBytes);
  });
  return () => scrub(text.trim().split('\n').slice(-keptErrorLines).join('\n'));
}

function waitFor(child: ChildProcess, errors: () => string): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, killedBy: null, errors: error.message }));
    child.once('exit', (status, killedBy) => {
      // A grandchild may hold stderr open; what has come by the next turn is enough.
      setImmediate(() => resolve({ status, killedBy, errors: errors() }));
    });
  });
}

async function* tellFirst(chunks: AsyncIterable<Uint8Array>, onFirst?: () => void): AsyncGenerator<Uint8Array> {
  let first = onFirst;
  for await (const chunk of chunks) {
    first?.();
    first = undefined;
    yield chunk;
  }
}

/**
 * Starts a program with pipes. Node's own pipe reads are kept: measured against a FIFO read in the thread pool and a
 * socket with a static buffer, they cost the least CPU time of what is safe with a slow consumer.
 */
export function runProgram({ path, args, env, signal }: ProgramCall): RunningProgram {
  signal.throwIfAborted();
  const child = spawn(path, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = waitFor(child, keepTail(child.stderr));
  child.stdin.on('error', () => {}); // a program that ends early tells by its status
  const kill = async (graceMs = defaultGraceMs): Promise<ProgramEnd> => {
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.stdout.destroy();
    try {
      return await ended;
    } finally {
      clearTimeout(insist);
    }
  };
  const onAbort = (): void => void kill();
  signal.addEventListener('abort', onAbort, { once: true });
  void ended.then(() => signal.removeEventListener('abort', onAbort));
  return {
    stdin: child.stdin,
    output: (onFirst) => rechunk(tellFirst(child.stdout, onFirst), blockBytes),
    ended,
    kill,
  };
}

/** "exit status 1" or "killed by SIGKILL", for messages. */
export function describeEnd({ status, killedBy }: ProgramEnd): string {
  if (killedBy) return `killed by ${killedBy}`;
  return status === null ? 'not started' : `exit status ${status}`;
}
