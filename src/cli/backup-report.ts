import { formatBytes } from '../base/bytes.ts';
import type { Job } from '../config/index.ts';
import type { BackupRun, RunResult, SourceProgress, SourceResult } from '../engine/index.ts';
import type { Source } from '../source/index.ts';
import type { Vault } from '../vault/index.ts';
import type { CliContext } from './context.ts';
import { errorDocument } from './output.ts';
import { createProgressLine, noProgressLine, type Amount } from './progress-line.ts';
import { restorePointDocument, restorePointTable, shortId } from './restore-point-view.ts';
import { visible } from './table.ts';

const shownProblems = 20;
const jsonIntervalMs = 1000;

/** What a run tells its user: a progress line, then what was made, what went wrong, and how to get it back. */
export interface BackupReporter {
  readonly events: Pick<BackupRun, 'onSourceStart' | 'onProgress' | 'onSourceEnd'>;
  end(result: RunResult, vaults: readonly Vault[]): void;
  clear(): void;
}

/** Quotes a word for a POSIX shell where it needs it. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command that brings the run's first restore point back. */
function restoreHint(job: Job, result: RunResult, context: CliContext): string | undefined {
  const made = result.sources.find(({ restorePoints }) => restorePoints.length > 0);
  const point = made?.restorePoints[0];
  if (!point) return undefined;
  const adHoc = job.vaults.some(({ name }) => name === point.vault) && context.configPath === undefined;
  const from = adHoc ? ['--from', point.vault] : [];
  const config = context.configPath === undefined ? [] : ['--config', context.configPath];
  const database = point.source.type === 'postgres';
  const place = point.source.name === 'globals' ? '' : 'NEW_DATABASE';
  const target = database ? ['--to', `postgres://USER@HOST/${place}`] : ['--target', './restored'];
  return ['holdfast', 'restore', shortId(point), ...config, ...from, ...target].map(shellWord).join(' ');
}

function resultDocument(result: RunResult): Record<string, unknown> {
  return {
    type: 'run',
    job: result.job,
    runId: result.runId,
    status: result.status,
    startedAt: result.startedAt.toISOString(),
    finishedAt: result.finishedAt.toISOString(),
    sources: result.sources.map(({ source, status, restorePoints, failures, problems }) => ({
      source,
      status,
      restorePoints: restorePoints.map((point) => ({ ...restorePointDocument(point), keys: point.keys })),
      failures: failures.map(({ vault, error }) => ({ vault, error: errorDocument(error) })),
      problems,
    })),
  };
}

function reportFailures({ source, failures, problems }: SourceResult, context: CliContext): void {
  const { output } = context;
  for (const { vault, error } of failures) {
    output.note(`${source.type} ${visible(source.name)} could not be kept in ${vault ?? 'any vault'}:`);
    output.failure(error);
  }
  for (const { kind, path, message } of problems.slice(0, shownProblems))
    output.note(`${kind}: ${visible(path)}: ${message}`);
  if (problems.length > shownProblems) output.note(`… and ${problems.length - shownProblems} more problems`);
}

const words = {
  ok: 'Done.',
  partial: 'PARTIAL: restore points exist, but not everything could be read or kept.',
  failed: 'FAILED: no restore point was made.',
};

/** Watches one job's run. */
export function backupReporter(job: Job, sources: readonly Source[], context: CliContext): BackupReporter {
  const { output, clock } = context;
  const line = context.interactive ? createProgressLine(context.streams.stderr, clock) : noProgressLine;
  let total: Amount | undefined;
  let toldMs = clock.monotonicMs();

  const onSourceStart = (source: Source): void => {
    total = undefined;
    if (!context.interactive && !output.json) return;
    // Counting runs beside reading, for the bar alone: its failure is the reading's to report.
    source.estimate?.(context.signal).then(
      (estimate) => (total = estimate),
      () => {},
    );
  };
  const onProgress = ({ source, files, bytes, path }: SourceProgress): void => {
    line.update(`${source.type} ${visible(source.name)}`, { files, bytes }, total);
    if (!output.json || clock.monotonicMs() - toldMs < jsonIntervalMs) return;
    toldMs = clock.monotonicMs();
    const current = visible(path.toString());
    output.document({ type: 'progress', source: source.name, files, bytes, total: total ?? null, path: current });
  };
  const onSourceEnd = (result: SourceResult): void => {
    line.clear();
    reportFailures(result, context);
  };

  const end = (result: RunResult, vaults: readonly Vault[]): void => {
    output.document(resultDocument(result));
    const kept = result.sources.flatMap(({ restorePoints }) =>
      restorePoints.map((point) => ({ point, vault: vaults.find(({ name }) => name === point.vault) as Vault })),
    );
    if (output.quiet) return;
    if (kept.length > 0) for (const row of restorePointTable(kept)) output.line(row);
    const bytes = kept.reduce((sum, { point }) => sum + point.sizeBytes, 0);
    const seconds = (result.finishedAt.getTime() - result.startedAt.getTime()) / 1000;
    output.line();
    output.line(
      `${words[result.status]} ${formatBytes(bytes)} of ${sources.length} source(s) in ${seconds.toFixed(1)} s.`,
    );
    const hint = restoreHint(job, result, context);
    if (hint !== undefined) output.line(`Restore it with:  ${hint}`);
  };

  return { events: { onSourceStart, onProgress, onSourceEnd }, end, clear: () => line.clear() };
}
