import type { Job } from '../config/index.ts';
import type { PruneReport, SourceProgress, SourceResult } from '../engine/index.ts';
import type { Source } from '../source/index.ts';
import type { RestorePoint, Vault } from '../vault/index.ts';
import type { HealthAnswer } from './healthcheck.ts';
import type { JobResult } from './job-result.ts';

/** What happens in one run, in this order; progress and files come between a source's start and its end. */
export type RunEvent =
  /** `name`: what the run will leave, where that is one artefact whose name is known beforehand. */
  | { readonly type: 'run-started'; readonly runId: string; readonly startedAt: Date; readonly name?: string }
  /** Sources and vaults are open and the locks are held; what could not be opened is in `failures`. */
  | {
      readonly type: 'run-opened';
      readonly sources: readonly Source[];
      readonly vaults: readonly Vault[];
      readonly failures: readonly unknown[];
    }
  | { readonly type: 'source-started'; readonly source: Source }
  | { readonly type: 'source-progress'; readonly progress: SourceProgress }
  | { readonly type: 'file-stored'; readonly path: string; readonly location: string; readonly sizeBytes: number }
  | { readonly type: 'file-failed'; readonly path: string; readonly vault?: string; readonly message: string }
  | { readonly type: 'restore-point-stored'; readonly point: RestorePoint; readonly location: string }
  | { readonly type: 'source-finished'; readonly result: SourceResult }
  | { readonly type: 'retention-done'; readonly report: PruneReport }
  | { readonly type: 'run-finished'; readonly result: JobResult; readonly locations: readonly string[] }
  | { readonly type: 'notification-failed'; readonly name: string; readonly message: string };

/** What a daemon does between runs. */
export type DaemonEvent =
  | { readonly type: 'daemon-started' }
  | { readonly type: 'connectivity-checked'; readonly answers: readonly HealthAnswer[] }
  | { readonly type: 'iteration-started'; readonly number: number; readonly missedSince?: Date }
  | { readonly type: 'iteration-finished'; readonly number: number; readonly result: JobResult }
  | { readonly type: 'run-planned'; readonly at: Date; readonly inSeconds: number }
  | { readonly type: 'daemon-stopping' };

/** An event and the job that it is about. */
export type JobEvent = (RunEvent | DaemonEvent) & { readonly job: Job };

/** Is told what happens, at once and in order. Must not throw. */
export type JobListener = (event: JobEvent) => void;
