import { formatBytes } from '../../base/bytes.ts';
import type { SourceProgress, SourceResult } from '../../engine/index.ts';
import type { JobListener, JobResult } from '../../jobs/index.ts';
import type { Source } from '../../source/index.ts';
import type { Vault } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { errorDocument } from '../output.ts';
import { createProgressLine, noProgressLine, type Amount } from '../progress-line.ts';
import { restorePointDocument, restorePointTable, shortId } from './restore-point-view.ts';
import { visible } from './table.ts';

const shownProblems = 20;
const jsonIntervalMs = 1000;

/** Quotes a word for a POSIX shell where it needs it. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The words that a command needs to find a vault again, by the vault's name. */
export type VaultFlags = (vault: string) => readonly string[];

/** The command that brings the run's first restore point back. */
function restoreHint(result: JobResult, vaultFlags: VaultFlags): string | undefined {
  const point = result.sources.flatMap(({ restorePoints }) => restorePoints)[0];
  if (!point) return undefined;
  const place = point.source.name === 'globals' ? '' : 'NEW_DATABASE';
  const target =
    point.source.type === 'postgres' ? ['--to', `postgres://USER@HOST/${place}`] : ['--target', './restored'];
  return ['holdfast', 'restore', shortId(point), ...vaultFlags(point.vault), ...target].map(shellWord).join(' ');
}

function resultDocument(result: JobResult): Record<string, unknown> {
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
  // What the source is to blame for comes once for each vault.
  for (const [error, same] of Map.groupBy(failures, (failure) => failure.error)) {
    const vaults = same.map(({ vault }) => vault ?? 'any vault').join(', ');
    output.note(`${source.type} ${visible(source.name)} could not be kept in ${vaults}:`);
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
  locked: 'NOT RUN: another run of this job is under way.',
};

/** What would have been made. */
function reportDryRun({ sources }: JobResult, { output }: CliContext): void {
  for (const { files, sizeBytes, storedBytes } of sources.flatMap(({ restorePoints }) => restorePoints))
    output.line(
      `Would back up ${files} files, ${formatBytes(sizeBytes)}, and add ${formatBytes(storedBytes)} to the repository. Nothing was written.`,
    );
}

interface Report {
  readonly vaults: readonly Vault[];
  readonly vaultFlags: VaultFlags;
  readonly dryRun: boolean;
}

/** What was made, and how to get it back. */
function reportEnd(result: JobResult, { vaults, vaultFlags, dryRun }: Report, context: CliContext): void {
  const { output } = context;
  output.document({ ...resultDocument(result), ...(dryRun && { dryRun }) });
  if (result.error !== undefined) output.failure(result.error);
  if (output.quiet) return;
  if (dryRun) return reportDryRun(result, context);
  const kept = result.sources.flatMap(({ restorePoints }) =>
    restorePoints.map((point) => ({ point, vault: vaults.find(({ name }) => name === point.vault) as Vault })),
  );
  if (kept.length > 0) for (const row of restorePointTable(kept)) output.line(row);
  const bytes = kept.reduce((sum, { point }) => sum + point.sizeBytes, 0);
  const seconds = (result.finishedAt.getTime() - result.startedAt.getTime()) / 1000;
  output.line();
  output.line(
    `${words[result.status]} ${formatBytes(bytes)} of ${result.sources.length} source(s) in ${seconds.toFixed(1)} s.`,
  );
  const hint = restoreHint(result, vaultFlags);
  if (hint !== undefined) output.line(`Restore it with:  ${hint}`);
}

/** Listens to a run and tells its user: a progress line, then what was made, what went wrong, how to get it back. */
export function backupReporter(vaultFlags: VaultFlags, context: CliContext, dryRun = false): JobListener {
  const { output, clock } = context;
  const line = context.interactive ? createProgressLine(context.streams.stderr, clock) : noProgressLine;
  let vaults: readonly Vault[] = [];
  let total: Amount | undefined;
  let label = '';
  let toldMs = clock.monotonicMs();

  const startSource = (source: Source): void => {
    total = undefined;
    label = `${source.type} ${visible(source.name)}`;
    if (!context.interactive && !output.json) return;
    // Counting runs beside reading, for the bar alone: its failure is the reading's to report.
    source.estimate?.(context.signal).then(
      (estimate) => (total = estimate),
      () => {},
    );
  };
  const progress = ({ source, files, bytes, path }: SourceProgress): void => {
    line.update(label, { files, bytes }, total);
    if (!output.json || clock.monotonicMs() - toldMs < jsonIntervalMs) return;
    toldMs = clock.monotonicMs();
    const current = visible(path.toString());
    output.document({ type: 'progress', source: source.name, files, bytes, total: total ?? null, path: current });
  };

  return (event) => {
    if (event.type === 'run-opened') vaults = event.vaults;
    else if (event.type === 'source-started') startSource(event.source);
    else if (event.type === 'source-progress') progress(event.progress);
    else if (event.type === 'source-finished') {
      line.clear();
      reportFailures(event.result, context);
    } else if (event.type === 'run-finished') {
      line.clear();
      reportEnd(event.result, { vaults, vaultFlags, dryRun }, context);
    }
  };
}
