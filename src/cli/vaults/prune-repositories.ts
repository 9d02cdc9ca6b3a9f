import type { Command } from 'commander';
import { formatBytes, MiB } from '../../base/bytes.ts';
import type { PruneLimits, VaultPruneOptions, VaultPruneReport } from '../../vault/index.ts';
import { packingOptions } from './chosen-repository.ts';
import type { CliContext } from '../context.ts';
import { isLockless } from '../global-options.ts';
import { parseSize } from '../arguments/parse-size.ts';
import { createProgressLine, noProgressLine } from '../progress-line.ts';
import type { OpenedRepository } from './with-repository.ts';

/** restic's options of what a prune may leave. */
export interface PruneCommandOptions {
  readonly maxUnused?: NonNullable<PruneLimits['maxUnused']>;
  readonly maxRepackSize?: number;
  readonly repackCacheableOnly?: boolean;
  readonly repackSmall?: boolean;
  readonly repackUncompressed?: boolean;
  readonly dryRun?: boolean;
}

function parseUnused(text: string): NonNullable<PruneLimits['maxUnused']> {
  if (text === 'unlimited') return text;
  const [, percent] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text) ?? [];
  return percent === undefined ? parseSize(text) : `${Number(percent)}%`;
}

export function addPruneOptions(command: Command): Command {
  return command
    .optionsGroup('How far a repository is pruned:')
    .option('--max-unused <limit>', 'unused data that may stay: a share, a size, unlimited (default: 5%)', parseUnused)
    .option('--max-repack-size <size>', 'write at most so much of it anew', parseSize)
    .option('--repack-cacheable-only', 'write packs of trees anew only')
    .option('--repack-small', 'write packs that are far too small anew')
    .option('--repack-uncompressed', 'write all data anew that is not compressed')
    .optionsGroup('Options:');
}

/** What the options say of what a prune may leave. */
export function pruneLimits(options: PruneCommandOptions, context: CliContext): PruneLimits {
  const { maxUnused, maxRepackSize, repackCacheableOnly, repackSmall, repackUncompressed } = options;
  const { packSizeMiB } = packingOptions(context);
  return {
    ...(maxUnused !== undefined && { maxUnused }),
    ...(maxRepackSize !== undefined && { maxRepackBytes: maxRepackSize }),
    ...(repackCacheableOnly && { repackCacheableOnly }),
    ...(repackSmall && { repackSmall }),
    ...(repackUncompressed && { repackUncompressed }),
    ...(packSizeMiB !== undefined && { packSizeBytes: packSizeMiB * MiB }),
  };
}

/** Shows how far a prune has come, as long as `work` goes on. */
export async function withPruneProgress<Result>(
  { interactive, streams, clock }: CliContext,
  work: (onProgress: NonNullable<VaultPruneOptions['onProgress']>) => Promise<Result>,
): Promise<Result> {
  const line = interactive ? createProgressLine(streams.stderr, clock) : noProgressLine;
  return work(({ step, done, total }) =>
    line.update(`prune ${step}`, { files: done, bytes: 0 }, { files: total, bytes: 0 }),
  ).finally(() => line.clear());
}

/** Tells what became of a repository. */
export function tellPruned(
  vault: string,
  report: VaultPruneReport,
  { output, dryRun = false }: { readonly output: CliContext['output']; readonly dryRun?: boolean | undefined },
): void {
  output.document({ type: 'pruned', vault, dryRun, ...report });
  const would = dryRun ? 'would be ' : '';
  const { packs, freedBytes, remaining, remainingUnusedBytes } = report;
  output.note(
    `${vault}: ${packs.remove + packs.unreferenced} packs ${would}removed, ${packs.repack} ${would}written anew, ` +
      `${formatBytes(Math.max(0, freedBytes))} ${would}freed; ${formatBytes(remaining.bytes)} ` +
      `${dryRun ? 'would remain' : 'remain'}, ${formatBytes(remainingUnusedBytes)} of it unused`,
  );
}

/** Removes what no snapshot needs from an open repository, and tells. */
export async function pruneOpened(
  { repository, library, use }: OpenedRepository,
  options: PruneCommandOptions,
  context: CliContext,
): Promise<void> {
  const { signal, output } = context;
  const { dryRun } = options;
  const limits = pruneLimits(options, context);
  const report = await withPruneProgress(context, (onProgress) =>
    library.prune(repository, {
      ...limits,
      ...(dryRun && { dryRun }),
      lockless: isLockless(context),
      signal,
      onProgress,
    }),
  );
  tellPruned(use.name, report, { output, dryRun });
}
