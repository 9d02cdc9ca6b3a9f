import { readFileSync } from 'node:fs';
import { HoldfastError } from './base/errors.ts';
import { runCommandLine } from './cli/index.ts';

const abort = new AbortController();

/** The first signal asks the command to clean up and end; a second one ends the process at once. */
function onSignal(signal: NodeJS.Signals): void {
  if (abort.signal.aborted) process.exit(130);
  abort.abort(
    new HoldfastError('engine/interrupted', {
      message: `interrupted by ${signal}; nothing half-written is left`,
      context: { signal },
    }),
  );
}
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
// A reader that has enough (holdfast ls … | head) ends us quietly.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
process.exitCode = await runCommandLine(process.argv.slice(2), version, {
  streams: { stdout: process.stdout, stderr: process.stderr },
  environment: process.env,
  signal: abort.signal,
});
