import { InvalidArgumentError, type Command } from 'commander';
import { formatBytes, GiB, KiB, MiB } from '../base/bytes.ts';
import type { VaultUse } from '../config/index.ts';
import { packingOptions } from './chosen-repository.ts';
import type { CliContext } from './context.ts';
import { createProgressLine, noProgressLine } from './progress-line.ts';
import { openUse, type OpenedRepository, type RepositoryLibrary } from './with-repository.ts';

type PruneOptions = Parameters<RepositoryLibrary['prune']>[1];

/** restic's options of what a prune may leave. */
export interface PruneCommandOptions {
  readonly maxUnused?: NonNullable<PruneOptions['maxUnused']>;
  readonly maxRepackSize?: number;
  readonly repackCacheableOnly?: boolean;
  readonly repackSmall?: boolean;
  readonly repackUncompressed?: boolean;
  readonly dryRun?: boolean;
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: KiB, m: MiB, g: GiB, t: 1024 * GiB };

/** "500M", "2G", "100": bytes. */
function parseSize(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  if (amount !== '') return Math.floor(Number(amount) * (units[unit.toLowerCase()] ?? 1));
  throw new InvalidArgumentError('A size such as 500M or 2G is expected.');
}

function parseUnused(text: string): NonNullable<PruneOptions['maxUnused']> {
  if (text === 'unlimited') return text;
  const [, percent] = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text) ?? [];
  return percent === undefined ? parseSize(text) : `${Number(percent)}%`;
}

export function addPruneOptions(command: Command): Command {
  return command
    .option('--max-unused <limit>', 'unused data that may stay: a share, a size, unlimited (default: 5%)', parseUnused)
    .option('--max-repack-size <size>', 'write at most so much of it anew', parseSize)
    .option('--repack-cacheable-only', 'write packs of trees anew only')
    .option('--repack-small', 'write packs that are far too small anew')
    .option('--repack-uncompressed', 'write all data anew that is not compressed');
}

/** Removes what no snapshot needs from an open repository, and tells. */
export async function pruneOpened(
  { repository, library, use }: OpenedRepository,
  options: PruneCommandOptions,
  context: CliContext,
): Promise<void> {
  const { output, signal, streams, clock } = context;
  const { maxUnused, maxRepackSize, repackCacheableOnly, repackSmall, repackUncompressed, dryRun } = options;
  const { packSizeMiB } = packingOptions(context);
  const line = context.interactive ? createProgressLine(streams.stderr, clock) : noProgressLine;
  const report = await library
    .prune(repository, {
      ...(maxUnused !== undefined && { maxUnused }),
      ...(maxRepackSize !== undefined && { maxRepackBytes: maxRepackSize }),
      ...(repackCacheableOnly && { repackCacheableOnly }),
      ...(repackSmall && { repackSmall }),
      ...(repackUncompressed && { repackUncompressed }),
      ...(packSizeMiB !== undefined && { packSizeBytes: packSizeMiB * MiB }),
      ...(dryRun && { dryRun }),
      signal,
      onProgress: ({ step, done, total }) =>
        line.update(`prune ${step}`, { files: done, bytes: 0 }, { files: total, bytes: 0 }),
    })
    .finally(() => line.clear());
  output.document({ type: 'pruned', vault: use.name, dryRun: dryRun ?? false, ...report });
  const would = dryRun ? 'would be ' : '';
  const { packs, freedBytes, remaining, remainingUnusedBytes } = report;
  output.note(
    `${use.name}: ${packs.remove + packs.unreferenced} packs ${would}removed, ${packs.repack} ${would}written anew, ` +
      `${formatBytes(Math.max(0, freedBytes))} ${would}freed; ${formatBytes(remaining.bytes)} ` +
      `${dryRun ? 'would remain' : 'remain'}, ${formatBytes(remainingUnusedBytes)} of it unused`,
  );
}

/** Removes what no snapshot needs from those of the vaults that are repositories. */
export async function pruneVaults(
  uses: readonly VaultUse[],
  options: PruneCommandOptions,
  context: CliContext,
): Promise<void> {
  for (const use of uses)
    if (use.spec.type === 'repository') await openUse(use, context, (opened) => pruneOpened(opened, options, context));
}
