import { readFileSync } from 'node:fs';
import { systemClock } from './base/clock.ts';
import { HoldfastError } from './base/errors.ts';
import { scrub } from './base/secrets.ts';
import { runCommandLine } from './cli/index.ts';

const first = new AbortController();
const second = new AbortController();
let patience = 1;

/** One Ctrl+C comes several times: from the terminal, and from npx and an older Node.js, which pass it on (bin/holdfast.js). */
const echoMs = 250;
let heardMs = -Infinity;

/**
 * The first signal asks the command to clean up and end, the next one ends the process at once. A command that has asked
 * for patience (the daemon: the first lets its run come to an end) is told of the second too.
 */
function onSignal(signal: NodeJS.Signals): void {
  const nowMs = systemClock.monotonicMs();
  if (nowMs - heardMs < echoMs) return;
  heardMs = nowMs;
  const interrupted = new HoldfastError('engine/interrupted', {
    message: `interrupted by ${signal}; nothing half-written is left`,
    context: { signal },
  });
  if (!first.signal.aborted) first.abort(interrupted);
  else if (patience > 1 && !second.signal.aborted) second.abort(interrupted);
  else process.exit(130);
}
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);

let shows = false;
let isUnheard = false;

/**
 * What only shows something ends with its reader, and well when that had enough (holdfast ls … | head). Work goes on
 * unheard: a log's reader that dies, or a disk that it fills, is no reason to lose a backup.
 */
function onUnheard(error: NodeJS.ErrnoException): void {
  const hadEnough = error.code === 'EPIPE';
  const isFirst = !isUnheard;
  isUnheard = true;
  if (isFirst && !hadEnough) process.stderr.write(`holdfast: the output can't be written: ${error.message}\n`);
  if (shows) process.exit(hadEnough ? 0 : 2);
}
process.stdout.on('error', onUnheard);
process.stderr.on('error', () => {}); // nobody is left to be told

// Every user of the machine can read a command line, and an address on it may hold a password.
process.title = scrub(['holdfast', ...process.argv.slice(2)].join(' '));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
process.exitCode = await runCommandLine(process.argv.slice(2), version, {
  stdin: process.stdin,
  streams: { stdout: process.stdout, stderr: process.stderr },
  environment: process.env,
  signal: first.signal,
  waitForSecondSignal: () => {
    patience = 2;
    return second.signal;
  },
  endUnheard: () => (shows = true),
});
