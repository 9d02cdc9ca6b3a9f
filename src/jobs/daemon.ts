/**
 * Runs jobs by their schedules until it is told to stop.
 *
 *   checking -> waiting <-> running -> ended
 *                  \-> stop asked for -> (the run under way comes to its end) -> ended
 *                  \-> aborted -> (the run under way is cleaned up) -> rejects with the signal's reason
 *
 * One run at a time, in the order in which they became due, so that memory and load are those of one run; a job whose
 * time comes meanwhile waits its turn. It wakes at least once a minute and looks at the clock on the wall: a machine
 * that was suspended, or a process that was frozen, finds what is due, and makes up for it once.
 *
 * When a job last ran, the vaults say (last-run.ts), so a restarted daemon needs no state of its own. A job that is
 * locked is tried again until its lock is free or expires, and is done when whoever held it has finished it.
 */
import { before, type Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Job, ScheduleSpec } from '../config/index.ts';
import { jobsError } from './errors.ts';
import { checkHealth } from './healthcheck.ts';
import { lockExpirySeconds } from './hold-locks.ts';
import type { JobResult } from './job-result.ts';
import { lastRunOf, type LastRun } from './last-run.ts';
import type { DaemonEvent, JobListener } from './run-event.ts';
import { runJob, type RunJobOptions } from './run-job.ts';
import { dueState, type DueState } from './schedule/index.ts';

/** No sleep is longer: the clock on the wall may jump. */
const longestSleepMs = 60_000;
/** A sleep that took so much longer was no sleep: the process or the machine stood still. */
const frozenAfterMs = 60_000;

export interface DaemonOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: string;
  /** Its abort lets the run under way come to its end, and then ends the daemon. */
  readonly stop: AbortSignal;
  /** Its abort ends the run under way, and the daemon rejects with its reason. */
  readonly signal: AbortSignal;
  readonly onEvent?: JobListener;
  /** Where metadata of repositories is kept on this machine; nowhere unless given. */
  readonly cacheDir?: string | undefined;
  /** How a job is run; `runJob` unless given. */
  readonly run?: (job: Job, options: RunJobOptions) => Promise<JobResult>;
  /** When a job ran last; the vaults are asked unless given. */
  readonly lastRun?: (job: Job, signal: AbortSignal) => Promise<LastRun | undefined>;
}

/** A job, and what the daemon knows of it. */
interface Planned {
  readonly job: Job;
  readonly schedule: ScheduleSpec;
  /** From when on due times count; undefined: the job is due at once. */
  base: Date | undefined;
  /** False until the vaults have said when it ran last. */
  known: boolean;
  runs: number;
  /** Set while another run has the lock: since when, and when to ask again. */
  locked?: { readonly since: Date; readonly retryAt: Date };
}

const seedOf = (job: Job, { host }: DaemonOptions): string => `${host} ${job.name}`;

function tell(planned: Planned, event: DaemonEvent, { onEvent }: DaemonOptions): void {
  onEvent?.({ ...event, job: planned.job });
}

/** Catching up after a restart is for schedules that name times; an interval begins with a run. */
function plan(job: Job, now: Date): Planned[] {
  const { schedule } = job;
  if (schedule === undefined) return [];
  if (!('cron' in schedule)) return [{ job, schedule, base: undefined, known: true, runs: 0 }];
  return [{ job, schedule, base: now, known: schedule.catchUp === false, runs: 0 }];
}

/** For what is no run: whoever is told to stop does not wait for a server that does not answer. */
const untilTold = (options: DaemonOptions): DaemonOptions => ({
  ...options,
  signal: AbortSignal.any([options.stop, options.signal]),
});

async function findLastRun(planned: Planned, options: DaemonOptions): Promise<LastRun | undefined> {
  return await (options.lastRun ?? ((job) => lastRunOf(job, options)))(planned.job, options.signal);
}

/** Learns when the job ran last. A vault that does not answer is asked again at the next waking. */
async function lookUp(planned: Planned, options: DaemonOptions): Promise<void> {
  try {
    const last = await findLastRun(planned, untilTold(options));
    planned.known = true;
    if (last && last.startedAt < (planned.base ?? last.startedAt)) planned.base = last.startedAt;
  } catch (error) {
    options.signal.throwIfAborted();
    if (options.stop.aborted) return;
    const message = `When the job "${planned.job.name}" ran last can't be told yet: ${messageOf(error)}`;
    options.logger.warn(message, { job: planned.job.name });
  }
}

function stateOf(planned: Planned, options: DaemonOptions): DueState {
  const now = options.clock.now();
  // The clock was set back: what lies in its future is no promise.
  if (planned.base !== undefined && planned.base > now) planned.base = now;
  if (planned.locked) return { at: planned.locked.retryAt, due: planned.locked.retryAt <= now };
  return dueState(planned.schedule, planned.base, now, seedOf(planned.job, options));
}

/** True when the run that had the lock has done the job. */
async function doneByAnother(planned: Planned, options: DaemonOptions): Promise<boolean> {
  if (!planned.locked) return false;
  try {
    const last = await findLastRun(planned, untilTold(options));
    return last !== undefined && last.finishedAt >= planned.locked.since;
  } catch {
    options.signal.throwIfAborted();
    return false; // then the run will meet the same vault, and tell
  }
}

async function runOnce(planned: Planned, options: DaemonOptions): Promise<JobResult | undefined> {
  const { clock, logger, host, signal, onEvent, cacheDir, run = runJob } = options;
  try {
    return await run(planned.job, {
      clock,
      logger,
      host,
      signal,
      ...(onEvent && { onEvent }),
      ...(cacheDir && { cacheDir }),
    });
  } catch (error) {
    signal.throwIfAborted();
    logger.error(`A run of the job "${planned.job.name}" ended unexpectedly: ${messageOf(error)}`, { error });
    return undefined;
  }
}

function retryAfter(planned: Planned, now: Date): { readonly since: Date; readonly retryAt: Date } {
  const pauseSeconds = Math.min(60, Math.max(1, lockExpirySeconds(planned.job) / 4));
  return { since: planned.locked?.since ?? now, retryAt: before(now, -pauseSeconds * 1000) };
}

async function runPlanned(planned: Planned, dueAt: Date, options: DaemonOptions): Promise<void> {
  const { clock } = options;
  const startedAt = clock.now();
  const interval = !('cron' in planned.schedule);
  const isDone = await doneByAnother(planned, options);
  if (options.stop.aborted) return;
  if (isDone) {
    delete planned.locked;
    planned.base = startedAt;
    announceNext(planned, options);
    return;
  }
  planned.runs += 1;
  const isLate = startedAt.getTime() - dueAt.getTime() > frozenAfterMs;
  const number = planned.runs;
  tell(planned, { type: 'iteration-started', number, ...(isLate ? { missedSince: dueAt } : {}) }, options);
  const result = await runOnce(planned, options);
  if (result) tell(planned, { type: 'iteration-finished', number, result }, options);
  if (result?.status === 'locked') {
    planned.runs -= 1; // it was none
    planned.locked = retryAfter(planned, clock.now());
    return;
  }
  delete planned.locked;
  planned.base = interval ? clock.now() : startedAt;
  planned.known = true;
  announceNext(planned, options);
}

function announceNext(planned: Planned, options: DaemonOptions): void {
  const { at } = stateOf(planned, options);
  if (at === undefined || options.stop.aborted) return;
  const inSeconds = Math.max(0, Math.round((at.getTime() - options.clock.now().getTime()) / 1000));
  tell(planned, { type: 'run-planned', at, inSeconds }, options);
}

/** Sleeps until something may be due, or for a minute; returns early when it is told to stop. */
async function sleepUntil(at: Date | undefined, all: readonly Planned[], options: DaemonOptions): Promise<void> {
  const { clock, stop, signal } = options;
  const start = clock.now();
  const leftMs = at === undefined ? longestSleepMs : at.getTime() - start.getTime();
  const sleepMs = Math.min(longestSleepMs, Math.max(1, leftMs));
  try {
    await clock.sleep(sleepMs, AbortSignal.any([stop, signal]));
  } catch {
    signal.throwIfAborted();
    return;
  }
  const now = clock.now();
  if (now.getTime() - start.getTime() - sleepMs < frozenAfterMs) return;
  options.logger.warn('The process or the machine stood still, or its clock was set.', {
    since: start.toISOString(),
  });
  // Whoever wants no catching up waits for the next time.
  for (const planned of all) if ('cron' in planned.schedule && planned.schedule.catchUp === false) planned.base = now;
}

async function start(all: readonly Planned[], options: DaemonOptions): Promise<void> {
  for (const planned of all) tell(planned, { type: 'daemon-started' }, options);
  for (const planned of all) {
    const answers = await checkHealth([planned.job], untilTold(options)).catch((error: unknown) => {
      options.signal.throwIfAborted();
      if (!options.stop.aborted) throw error;
    });
    if (answers === undefined) return;
    tell(planned, { type: 'connectivity-checked', answers }, options);
    for (const { about, message } of answers.filter(({ answers: ok }) => !ok))
      options.logger.warn(`${about} does not answer: ${message}`, { job: planned.job.name });
  }
}

/**
 * Runs the jobs that have a schedule, until `stop` or `signal` aborts; a failed run does not end it. Throws
 * jobs/no-schedule when no job has one, and config/invalid for a schedule that can't be understood.
 */
export async function runDaemon(jobs: readonly Job[], options: DaemonOptions): Promise<void> {
  const { clock, stop, signal } = options;
  const all = jobs.flatMap((job) => plan(job, clock.now()));
  if (all.length === 0)
    throw jobsError('no-schedule', {
      message: `none of the ${jobs.length} job(s) has a schedule`,
      hint: 'Give a job a schedule (cron or an interval), or run it once with "holdfast backup"',
    });
  for (const planned of all) stateOf(planned, options);
  if (!stop.aborted) await start(all, options);
  let announced = false;
  while (!stop.aborted) {
    signal.throwIfAborted();
    for (const planned of all) if (!planned.known) await lookUp(planned, options);
    if (stop.aborted) break;
    const states = all.map((planned) => ({ planned, state: stateOf(planned, options) }));
    const next = states
      .flatMap(({ planned, state }) => (state.at === undefined ? [] : [{ planned, at: state.at, due: state.due }]))
      .sort((a, b) => a.at.getTime() - b.at.getTime())[0];
    if (!announced) for (const { planned, state } of states) if (!state.due) announceNext(planned, options);
    announced = true;
    if (next?.due) await runPlanned(next.planned, next.at, options);
    else await sleepUntil(next?.at, all, options);
  }
  for (const planned of all) tell(planned, { type: 'daemon-stopping' }, options);
}
