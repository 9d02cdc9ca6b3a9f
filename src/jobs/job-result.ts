import type { PruneReport, SourceResult } from '../engine/index.ts';

/**
 * What became of one run of a job.
 *
 * ok, partial, failed as the engine says it; failed too when the run could not begin, and partial when it was ended
 * after some of its sources. locked: another run of the job is under way, and this one did nothing.
 */
export interface JobResult {
  readonly job: string;
  readonly runId: string;
  readonly status: 'ok' | 'partial' | 'failed' | 'locked';
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly sources: readonly SourceResult[];
  readonly pruned: readonly PruneReport[];
  /** What kept the run from beginning, or from coming to its end. */
  readonly error?: unknown;
}

/** Every failure of a run: its own, and those of its sources in its vaults. */
export function failuresOf(result: JobResult): readonly { readonly about: string; readonly error: unknown }[] {
  const own = result.error === undefined ? [] : [{ about: result.job, error: result.error }];
  const ofSources = result.sources.flatMap(({ source, failures }) =>
    failures.map(({ vault, error }) => ({
      about: vault === undefined ? source.name : `${source.name} in ${vault}`,
      error,
    })),
  );
  return [...own, ...ofSources];
}

/** How long the run took, in seconds. */
export function secondsOf({ startedAt, finishedAt }: { readonly startedAt: Date; readonly finishedAt: Date }): number {
  return (finishedAt.getTime() - startedAt.getTime()) / 1000;
}
