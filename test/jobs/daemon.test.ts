import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '../../src/base/log.ts';
import type { Job, ScheduleSpec } from '../../src/config/index.ts';
import { type DaemonOptions, type JobEvent, type JobResult, type LastRun, runDaemon } from '../../src/jobs/index.ts';
import { folderJob, impatientClock } from './sample-job.ts';

const never = new AbortController().signal;
const jobWith = (schedule: ScheduleSpec, name = 'nightly'): Job =>
  folderJob('/', '/tmp', { name, schedule, sources: [], vaults: [] });

interface World {
  readonly runs: string[];
  readonly events: JobEvent[];
  readonly ended: Promise<void>;
}

interface Setting {
  readonly stopAfter: number;
  readonly lastRun?: DaemonOptions['lastRun'];
  readonly statuses?: JobResult['status'][];
  readonly durationMs?: number;
  readonly onSleep?: (ms: number, jump: (ms: number) => void) => void;
  readonly start?: string;
}

/** A daemon whose time flies, and that is stopped after some runs. */
function daemon(jobs: readonly Job[], setting: Setting): World {
  const clock = impatientClock(setting.start);
  const jump = (ms: number): void => void clock.sleep(ms);
  const stop = new AbortController();
  const [runs, events]: [string[], JobEvent[]] = [[], []];
  let sleeps = 0;
  const ended = runDaemon(jobs, {
    clock: {
      ...clock,
      sleep: async (ms, signal) => {
        assert.ok(ms <= 60_000, `a sleep of ${ms} ms`);
        assert.ok((sleeps += 1) < 100_000, 'the daemon runs nothing more');
        await clock.sleep(ms, signal);
        setting.onSleep?.(ms, jump);
      },
    },
    logger: silentLogger,
    host: 'host-1',
    stop: stop.signal,
    signal: never,
    onEvent: (event) => void events.push(event),
    lastRun: setting.lastRun ?? (() => Promise.resolve(undefined)),
    run: async (job) => {
      const startedAt = clock.now();
      runs.push(`${job.name} ${startedAt.toISOString().slice(0, 16)}`);
      await clock.sleep(setting.durationMs ?? 0);
      if (runs.length >= setting.stopAfter) stop.abort();
      const status = setting.statuses?.shift() ?? 'ok';
      return { job: job.name, runId: 'r', status, startedAt, finishedAt: clock.now(), sources: [], pruned: [] };
    },
  });
  return { runs, events, ended };
}

const runsOf = async (jobs: readonly Job[], setting: Setting): Promise<string[]> => {
  const { runs, ended } = daemon(jobs, setting);
  await ended;
  return runs;
};
const last = (day: string) => (): Promise<LastRun> => {
  const moment = new Date(`2026-02-${day}T03:00:01Z`);
  return Promise.resolve({ startedAt: moment, finishedAt: moment });
};
const daily = { cron: '0 3 * * *' };

test('a schedule runs at its times, a failed run included, and weeks of waiting are no matter', async () => {
  assert.deepEqual(await runsOf([jobWith(daily)], { stopAfter: 3, statuses: ['failed', 'ok', 'ok'] }), [
    'nightly 2026-03-01T03:00',
    'nightly 2026-03-02T03:00',
    'nightly 2026-03-03T03:00',
  ]);
  assert.deepEqual(await runsOf([jobWith({ cron: '0 0 31 3 *' })], { stopAfter: 1 }), ['nightly 2026-03-31T00:00']);
});

test('an interval begins with a run, and is counted from a run’s end', async () => {
  const { runs, events, ended } = daemon([jobWith({ everySeconds: 3600 })], { stopAfter: 3, durationMs: 600_000 });
  await ended;
  assert.deepEqual(runs, ['nightly 2026-03-01T00:00', 'nightly 2026-03-01T01:10', 'nightly 2026-03-01T02:20']);
  const planned = events.find(({ type }) => type === 'run-planned');
  assert.ok(planned?.type === 'run-planned' && planned.inSeconds === 3600);
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type !== 'run-planned'),
    [
      'daemon-started',
      'connectivity-checked',
      ...Array.from({ length: 3 }, () => ['iteration-started', 'iteration-finished']).flat(),
      'daemon-stopping',
    ],
  );
});

test('after a restart one run makes up for all that were missed, and none when none was', async () => {
  assert.deepEqual(await runsOf([jobWith(daily)], { stopAfter: 2, lastRun: last('20') }), [
    'nightly 2026-03-01T00:00',
    'nightly 2026-03-01T03:00',
  ]);
  assert.deepEqual(await runsOf([jobWith(daily)], { stopAfter: 1, lastRun: last('28') }), ['nightly 2026-03-01T03:00']);
  const without = jobWith({ ...daily, catchUp: false });
  assert.deepEqual(await runsOf([without], { stopAfter: 1, lastRun: last('20') }), ['nightly 2026-03-01T03:00']);
});

test('a vault that can not say when the last run was is asked again', async () => {
  let asked = 0;
  const moment = new Date('2026-02-20T03:00:00Z');
  const lastRun = (): Promise<LastRun> =>
    (asked += 1) < 3 ? Promise.reject(new Error('away')) : Promise.resolve({ startedAt: moment, finishedAt: moment });
  assert.deepEqual(await runsOf([jobWith(daily)], { stopAfter: 1, lastRun }), ['nightly 2026-03-01T00:02']);
});

test('a machine that stood still for three due times catches up once, or not at all when that is wished', async () => {
  for (const catchUp of [true, false]) {
    let frozen = false;
    const onSleep = (_ms: number, jump: (ms: number) => void): void => {
      if (!frozen) jump(3.5 * 86_400_000);
      frozen = true;
    };
    const runs = await runsOf([jobWith({ ...daily, catchUp })], { stopAfter: 2, onSleep });
    const late = catchUp ? ['nightly 2026-03-04T12:01'] : [];
    assert.deepEqual(runs, [...late, 'nightly 2026-03-05T03:00', 'nightly 2026-03-06T03:00'].slice(0, 2));
  }
});

test('a clock that is set back years stops no backups', async () => {
  let isBack = false;
  const onSleep = (_ms: number, jump: (ms: number) => void): void => {
    if (!isBack) jump(-4 * 365 * 86_400_000);
    isBack = true;
  };
  const runs = await runsOf([jobWith(daily)], { stopAfter: 2, onSleep });
  assert.deepEqual(runs, ['nightly 2022-03-02T03:00', 'nightly 2022-03-03T03:00']);
});

test('one run at a time: who is due meanwhile comes next, and once', async () => {
  const jobs = [jobWith({ cron: '0 * * * *' }, 'hourly'), jobWith({ cron: '30 0 * * *' }, 'daily')];
  assert.deepEqual(await runsOf(jobs, { stopAfter: 4, durationMs: 2.75 * 3_600_000 }), [
    'daily 2026-03-01T00:30',
    'hourly 2026-03-01T03:15',
    'hourly 2026-03-01T06:00',
    'hourly 2026-03-01T08:45',
  ]);
});

test('jitter starts a job later, by the same for the same machine, job and time', async () => {
  const jobs = [jobWith({ ...daily, jitterSeconds: 3600 })];
  const first = await runsOf(jobs, { stopAfter: 3 });
  assert.deepEqual(await runsOf(jobs, { stopAfter: 3 }), first);
  assert.ok(new Set(first.map((run) => run.slice(-2))).size > 1, first.join());
  for (const run of first) assert.match(run, /T03:/);
});

test('a locked job is tried again until the lock is free, or its holder has done it', async () => {
  assert.deepEqual(await runsOf([jobWith(daily)], { stopAfter: 4, statuses: ['locked', 'locked', 'ok', 'ok'] }), [
    'nightly 2026-03-01T03:00',
    'nightly 2026-03-01T03:00',
    'nightly 2026-03-01T03:01',
    'nightly 2026-03-02T03:00',
  ]);
  let asked = 0;
  const finishedAt = new Date('2026-03-01T03:00:20Z');
  const lastRun = (): Promise<LastRun | undefined> =>
    Promise.resolve((asked += 1) === 1 ? undefined : { startedAt: new Date('2026-03-01T02:59:59Z'), finishedAt });
  assert.deepEqual(await runsOf([jobWith(daily)], { stopAfter: 2, statuses: ['locked'], lastRun }), [
    'nightly 2026-03-01T03:00',
    'nightly 2026-03-02T03:00',
  ]);
});

test('whoever is told to stop while it asks when a job ran last begins no run, and waits for no answer', async () => {
  const before = last('01');
  for (const answer of [before, (signal?: AbortSignal) => delay(60_000, undefined, { signal }).then(before)]) {
    const stop = new AbortController();
    await runDaemon([jobWith(daily)], {
      clock: impatientClock('2026-02-10T12:00:00Z'),
      logger: silentLogger,
      host: 'host-1',
      stop: stop.signal,
      signal: never,
      lastRun: (_job, signal) => {
        stop.abort();
        return answer(signal);
      },
      run: () => assert.fail('a run began'),
    });
  }
});

test('without a schedule there is nothing to wait for', async () => {
  await assert.rejects(daemon([folderJob('/', '/tmp')], { stopAfter: 1 }).ended, /has a schedule/);
});

/** Starts a daemon in a process of its own; a minute of its schedule takes a fraction of a second. */
function childDaemon(): { readonly child: ReturnType<typeof spawn>; readonly lines: string[] } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'daemon-child.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n').filter(Boolean)));
  return { child, lines };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(10);
}

test('a daemon frozen by SIGSTOP over three due times and more catches up once', { timeout: 180_000 }, async () => {
  const { child, lines } = childDaemon();
  const minutesOf = (word: string): number[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => Date.parse(line.split(' ')[1] ?? '') / 60_000);
  await until(() => minutesOf('run').length === 2);
  child.kill('SIGSTOP');
  await delay(4000);
  const before = minutesOf('run').length;
  child.kill('SIGCONT');
  await until(() => minutesOf('run').length >= before + 3);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0);
  const [due, late] = [minutesOf('due'), minutesOf('late')];
  const pauses = due.slice(1).map((minute, index) => minute - (due[index] as number));
  // A busy machine makes others late, too: what was missed is made up for by one run however it came to be missed.
  assert.ok(Math.min(...pauses) >= 1, `two runs in one due time: ${lines.join('; ')}`);
  assert.ok(Math.max(...pauses) > 3, `due times of the runs: ${lines.join('; ')}`);
  assert.ok(late.length > 0 && late.every((minute) => due.includes(minute)), lines.join('; '));
  for (const [, planned, run] of lines.join('\n').matchAll(/^due (\S+)[^]*?^run (\S+)/gm))
    assert.ok(Date.parse(run ?? '') >= Date.parse(planned ?? ''), lines.join('; '));
  assert.equal(lines.at(-1), 'ended');
});
