/**
 * One run of one job, from its configuration to its notifications.
 *
 *   started -> opened (sources, stores, locks) -> backed up -> pruned -> locks released -> finished -> told
 *                \-> another run has the lock: locked, nothing was done      \-> a failure: failed or partial
 *
 * The one path that `backup` and `daemon` share; what a user sees of a run, he sees through its events.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { hasCode, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Job } from '../config/index.ts';
import {
  pruneAfterRun,
  runBackup,
  type PruneReport,
  type RunResult,
  type SourcePolicies,
  type SourceResult,
} from '../engine/index.ts';
import { harmlessProblems } from '../source/index.ts';
import { holdLocks, type HeldLocks } from './hold-locks.ts';
import type { JobResult } from './job-result.ts';
import { type OpenedVault, openJobSources, openVaultUse, unavailableVault } from './open-job.ts';
import { plannedName } from './planned-name.ts';
import type { JobListener, RunEvent } from './run-event.ts';

export interface RunJobOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The machine's name, as restore points and locks show it. */
  readonly host: string;
  /** Its abort ends the run without a result. */
  readonly signal: AbortSignal;
  readonly onEvent?: JobListener;
  /** False for a job that nothing else can run: no lock is taken. */
  readonly lock?: boolean;
  /** The time that the restore points are to show; that of the run unless given. */
  readonly time?: Date | undefined;
  /** Where metadata of repositories is kept on this machine; nowhere unless given. */
  readonly cacheDir?: string | undefined;
  /** Nothing is written: the restore points of the result are what would have been. For repositories alone. */
  readonly dryRun?: boolean | undefined;
}

interface Run extends RunJobOptions {
  readonly job: Job;
  readonly runId: string;
  readonly startedAt: Date;
  readonly tell: (event: RunEvent) => void;
  /** Where the restore points lie, as they come to be. */
  readonly locations: string[];
}

async function openVaults(run: Run): Promise<OpenedVault[]> {
  const { job, clock, logger, tell, dryRun } = run;
  // What was only tried must not be believed later.
  const cacheDir = dryRun ? undefined : run.cacheDir;
  return Promise.all(
    job.vaults.map(async (use) => {
      let label = use.name;
      const events = {
        onFileStored: ({ path, key, sizeBytes }: { path: string; key: string; sizeBytes: number }): void =>
          tell({ type: 'file-stored', path, location: `${label}/${key}`, sizeBytes }),
        onFileFailed: ({ path, error }: { path: string; error: unknown }): void =>
          tell({ type: 'file-failed', path, vault: use.name, message: messageOf(error) }),
      };
      try {
        const opened = await openVaultUse(use, { clock, logger, limits: job.limits, events, cacheDir, dryRun });
        label = opened.vault.label;
        return opened;
      } catch (error) {
        if (job.vaults.length === 1) throw error;
        return unavailableVault(use, error);
      }
    }),
  );
}

/** Tells what one source left behind: its restore points, what could not be read, what could not be kept. */
function tellSource(run: Run, vaults: readonly OpenedVault[], result: SourceResult): void {
  for (const point of result.restorePoints) {
    const label = vaults.find(({ vault }) => vault.name === point.vault)?.vault.label ?? point.vault;
    const location = `${label}/${point.keys[0] ?? ''}`;
    run.locations.push(location);
    run.tell({ type: 'restore-point-stored', point, location });
  }
  for (const { path, kind, message } of result.problems)
    // A mirror has told by itself what it could not store.
    if (!harmlessProblems.has(kind) && kind !== 'not-stored') run.tell({ type: 'file-failed', path, message });
  for (const { vault, error } of result.failures) {
    const where = vault === undefined ? {} : { vault };
    run.tell({ type: 'file-failed', path: result.source.name, ...where, message: messageOf(error) });
  }
  run.tell({ type: 'source-finished', result });
}

interface BackedUp {
  readonly status: JobResult['status'];
  readonly sources: readonly SourceResult[];
  readonly pruned: readonly PruneReport[];
  readonly error?: unknown;
}

async function prune(
  run: Run,
  { vaults, result, policies }: { vaults: readonly OpenedVault[]; result: RunResult; policies: SourcePolicies },
): Promise<PruneReport[]> {
  const { job, clock, signal, logger } = run;
  const timezone = job.schedule && 'cron' in job.schedule ? job.schedule.timezone : undefined;
  const pruned = await pruneAfterRun({
    result,
    sourcePolicies: policies,
    vaults: vaults.map(({ vault, use }) => ({ vault, policy: use.retention ?? job.retention })),
    clock,
    signal,
    logger,
    ...(timezone === undefined ? {} : { timezone }),
  });
  for (const report of pruned) run.tell({ type: 'retention-done', report });
  return pruned;
}

/** Reads and keeps everything, with the vaults open and the locks held. */
async function backUp(run: Run, vaults: readonly OpenedVault[], signals: readonly AbortSignal[]): Promise<BackedUp> {
  const { job, clock, logger, host, runId, startedAt, tell } = run;
  const signal = AbortSignal.any([run.signal, ...signals]);
  const { sources, failures, policies } = await openJobSources(job, { clock, logger, signal });
  const opened = vaults.map(({ vault }) => vault);
  const vaultFailures = vaults.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  tell({ type: 'run-opened', sources, vaults: opened, failures: [...failures, ...vaultFailures] });
  const ended: SourceResult[] = [];
  try {
    const result = await runBackup({
      job: job.name,
      runId,
      startedAt,
      sources,
      vaults: opened,
      tags: job.tags,
      host,
      ...(run.time && { time: run.time }),
      signal,
      clock,
      logger,
      onSourceStart: (source) => tell({ type: 'source-started', source }),
      onProgress: (progress) => tell({ type: 'source-progress', progress }),
      onSourceEnd: (sourceResult) => {
        ended.push(sourceResult);
        tellSource(run, vaults, sourceResult);
      },
    });
    const prunable = vaults.filter(({ failure }) => failure === undefined);
    return {
      status: result.status,
      sources: result.sources,
      pruned: await prune({ ...run, signal }, { vaults: prunable, result, policies }),
    };
  } catch (error) {
    if (run.signal.aborted) throw error;
    // A lock was lost: what is stored is stored.
    const some = ended.some(({ restorePoints }) => restorePoints.length > 0);
    return { status: some ? 'partial' : 'failed', sources: ended, pruned: [], error };
  }
}

async function openAndBackUp(run: Run): Promise<BackedUp> {
  const { job, clock, logger, host, runId, signal, lock = true } = run;
  let vaults: readonly OpenedVault[] = await openVaults(run);
  let locks: HeldLocks = { vaults, signals: [], release: () => Promise.resolve() };
  try {
    if (lock) locks = await holdLocks(job, vaults, { clock, logger, host, runId, signal });
    vaults = locks.vaults;
    return await backUp(run, vaults, locks.signals);
  } finally {
    await locks.release();
    await Promise.all(vaults.map(({ vault }) => vault.close()));
  }
}

/**
 * Runs a job once. Never rejects for what a source, a vault, retention or a notification does: the result says it.
 * Rejects with the signal's reason when that aborts, with nothing half-written left and the locks released.
 */
export async function runJob(job: Job, options: RunJobOptions): Promise<JobResult> {
  const { clock, onEvent, signal } = options;
  const tell = (event: RunEvent): void => onEvent?.({ ...event, job });
  const runId = randomBytes(16).toString('hex');
  const startedAt = clock.now();
  const run: Run = { ...options, job, runId, startedAt, tell, locations: [] };
  const name = await plannedName(job, { runId, startedAt, host: options.host });
  tell({ type: 'run-started', runId, startedAt, ...(name === undefined ? {} : { name }) });
  let done: BackedUp;
  try {
    done = await openAndBackUp(run);
  } catch (error) {
    signal.throwIfAborted();
    done = { status: hasCode(error, 'engine/locked') ? 'locked' : 'failed', sources: [], pruned: [], error };
  }
  const result: JobResult = { job: job.name, runId, startedAt, finishedAt: clock.now(), ...done };
  tell({ type: 'run-finished', result, locations: run.locations });
  if (job.notify.length > 0) {
    const { notifyAll } = await import('./notifications/index.ts');
    await notifyAll(job.notify, result, run);
  }
  return result;
}
