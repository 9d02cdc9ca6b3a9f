import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Source } from '../../source/index.ts';
import type { Vault } from '../../vault/index.ts';
import { engineError } from '../errors.ts';
import { backupSource, type SourceProgress, type SourceResult } from './backup-source.ts';
import { sweepVaults } from './sweep-vaults.ts';

/**
 * A run: one execution of a job.
 *
 *   started -> (for each source: reading -> stored | failed) -> ok | partial | failed
 *
 * ok       every source is in every vault, whole
 * partial  at least one restore point exists, but an item, a vault or a source is missing
 * failed   no restore point was made
 */
export interface RunResult {
  readonly job: string;
  readonly runId: string;
  readonly status: 'ok' | 'partial' | 'failed';
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly sources: readonly SourceResult[];
}

export interface BackupRun {
  readonly job: string;
  /** Names the run in its restore points; a new one unless given. Hexadecimal. */
  readonly runId?: string;
  /** When the run began, as its restore points show it; now unless given. */
  readonly startedAt?: Date;
  readonly sources: readonly Source[];
  readonly vaults: readonly Vault[];
  readonly tags: readonly string[];
  /** The machine's name, as restore points show it. */
  readonly host: string;
  /** The time that the restore points show; that of the run unless given. */
  readonly time?: Date;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onSourceStart?: (source: Source) => void;
  readonly onProgress?: (progress: SourceProgress) => void;
  readonly onSourceEnd?: (result: SourceResult) => void;
}

function runStatus(results: readonly SourceResult[]): RunResult['status'] {
  if (results.every(({ restorePoints }) => restorePoints.length === 0)) return 'failed';
  return results.every(({ status }) => status === 'ok') ? 'ok' : 'partial';
}

/**
 * Backs up each source into all vaults, one source after the other; a source that fails does not stop the others.
 * Rejects only when the signal aborts, after the source under way has been cleaned up. All restore points of the run
 * carry its id: they are a set. At the end the vaults are swept of what dead runs left.
 */
export async function runBackup(run: BackupRun): Promise<RunResult> {
  if (run.sources.length === 0)
    throw engineError('no-sources', { message: `the job "${run.job}" has nothing to read` });
  const runId = run.runId ?? randomBytes(16).toString('hex');
  const startedAt = run.startedAt ?? run.clock.now();
  const sources: SourceResult[] = [];
  for (const source of run.sources) {
    run.onSourceStart?.(source);
    const { type, name, shape, paths, root } = source;
    const result = await backupSource({
      source,
      vaults: run.vaults,
      point: {
        job: run.job,
        runId,
        startedAt: run.time ?? startedAt,
        source: { type, name, shape, paths, ...(root && { root }) },
        host: run.host,
        tags: run.tags,
      },
      signal: run.signal,
      logger: run.logger,
      onProgress: run.onProgress ?? (() => {}),
    });
    run.signal.throwIfAborted();
    run.onSourceEnd?.(result);
    sources.push(result);
  }
  const failed = new Set(sources.flatMap(({ failures }) => failures.map(({ vault }) => vault)));
  await sweepVaults(
    run.vaults.filter(({ name }) => !failed.has(name)),
    run,
  );
  return { job: run.job, runId, status: runStatus(sources), startedAt, finishedAt: run.clock.now(), sources };
}
