/**
 * A job is run: once, or by its schedule until it is told to stop; who wants to know is told, and the log says what
 * happened. Everything that `backup`, `daemon` and `healthcheck` have in common is here.
 *
 * Invariants: never two runs of one job at once, on any machine that shares a store with it; a failed run is a result
 * and ends no loop; what happens around a run (retention, notifications, logs) can't fail it; missed runs are made up
 * for by one; when a job last ran, its vaults say, so nothing has to be remembered here.
 */
export { runDaemon, type DaemonOptions } from './daemon.ts';
export { jobsError } from './errors.ts';
export { checkHealth, type HealthAnswer, type HealthOptions } from './healthcheck.ts';
export { failuresOf, type JobResult, secondsOf } from './job-result.ts';
export { lastRunOf, type LastRun } from './last-run.ts';
export { openVaultUse, type OpenedVault } from './open-job.ts';
export type { DaemonEvent, JobEvent, JobListener, RunEvent } from './run-event.ts';
export { createRunLog, type RunLogOptions } from './run-log/index.ts';
export { runJob, type RunJobOptions } from './run-job.ts';
export { dueState, nextDue, type DueState } from './schedule/index.ts';
