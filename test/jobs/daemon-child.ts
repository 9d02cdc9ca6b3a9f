/** A daemon whose minutes last half a second, for tests that stop or freeze it. SIGTERM asks it to stop. */
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { runDaemon } from '../../src/jobs/index.ts';
import { folderJob } from './sample-job.ts';

const speed = 120;
const startMs = Date.now();
const clock: Clock = {
  now: () => new Date(startMs + (Date.now() - startMs) * speed),
  monotonicMs: () => performance.now() * speed,
  sleep: (ms, signal) => systemClock.sleep(Math.ceil(ms / speed), signal),
};
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

await runDaemon([folderJob('/', '/tmp', { sources: [], vaults: [], schedule: { cron: '* * * * *' } })], {
  clock,
  logger: silentLogger,
  host: 'host-1',
  stop: stop.signal,
  signal: new AbortController().signal,
  lastRun: () => Promise.resolve(undefined),
  onEvent: (event) => {
    if (event.type === 'run-planned') console.log(`due ${event.at.toISOString()}`);
    if (event.type === 'iteration-started' && event.missedSince) console.log(`late ${event.missedSince.toISOString()}`);
  },
  run: (job) => {
    console.log(`run ${clock.now().toISOString()}`);
    const times = { startedAt: clock.now(), finishedAt: clock.now() };
    return Promise.resolve({ job: job.name, runId: 'r', status: 'ok', sources: [], pruned: [], ...times });
  },
});
console.log('ended');
