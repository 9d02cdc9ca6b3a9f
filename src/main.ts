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
// A reader that has enough (holdfast ls … | head) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

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
});
