/**
 * A job is run: once, or by its schedule until it is told to stop; who wants to know is told, and the log says what
 * happened. Everything that `backup`, `daemon` and `healthcheck` have in common is here.
 *
 * Invariants: never two runs of one job at once, on any machine that shares a store with it; a failed run is a result
 * and ends no loop; what happens around a run (retention, notifications, logs) can't fail it; missed runs are made up
 * for by one; when a job last ran, its vaults say, so nothing has to be remembered here.
 */
export type { DaemonOptions } from './daemon.ts';
import type { Job } from '../config/index.ts';
import type { DaemonOptions } from './daemon.ts';
import type { HealthAnswer, HealthOptions } from './healthcheck.ts';
import type { JobResult } from './job-result.ts';
import type { RunJobOptions } from './run-job.ts';

export { jobsError } from './errors.ts';
export type { HealthAnswer, HealthOptions } from './healthcheck.ts';
export { failuresOf, type JobResult, secondsOf } from './job-result.ts';
export { lastRunOf, type LastRun } from './last-run.ts';
export { openVaultUse, type OpenedVault } from './open-job.ts';
export type { DaemonEvent, JobEvent, JobListener, RunEvent } from './run-event.ts';
export { createRunLog, type RunLogOptions } from './run-log/index.ts';
export type { RunJobOptions } from './run-job.ts';

/** Runs a job once: see run-job.ts, which is loaded when it is called. */
export async function runJob(job: Job, options: RunJobOptions): Promise<JobResult> {
  const running = await import('./run-job.ts');
  return running.runJob(job, options);
}

/** Runs jobs by their schedules: see daemon.ts, which is loaded when it is called. */
export async function runDaemon(jobs: readonly Job[], options: DaemonOptions): Promise<void> {
  const daemon = await import('./daemon.ts');
  return daemon.runDaemon(jobs, options);
}

/** Asks what jobs need whether it answers: see healthcheck.ts, which is loaded when it is called. */
export async function checkHealth(jobs: readonly Job[], options: HealthOptions): Promise<readonly HealthAnswer[]> {
  const healthcheck = await import('./healthcheck.ts');
  return healthcheck.checkHealth(jobs, options);
}
