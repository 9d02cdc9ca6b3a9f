import type { Logger } from '../../base/log.ts';
import { restoreTree, type RestoreProblem, type RestoreTreeResult, type SourceEntry } from '../../source/index.ts';
import { type RestorePoint, type Vault, vaultError } from '../../vault/index.ts';
import { selection } from './selection.ts';

export interface RestoreToDirectory {
  readonly vault: Vault;
  readonly point: RestorePoint;
  /** Made when it does not exist. */
  readonly targetDir: string;
  /** Only what matches (gitignore rules) is restored; everything when empty. */
  readonly include: readonly string[];
  /** What matches is not restored, whatever `include` says. */
  readonly exclude?: readonly string[];
  readonly overwrite: 'never' | 'if-changed' | 'always';
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly onProblem: (problem: RestoreProblem) => void;
  readonly onProgress: (progress: { readonly files: number; readonly bytes: number }) => void;
}

/** All entries; throws after the last one when `select` has taken none: a mistyped path must not end as "done". */
async function* entriesToSelect(
  { vault, point, signal, include }: RestoreToDirectory,
  tookSome: () => boolean,
): AsyncGenerator<SourceEntry> {
  yield* vault.read(point, signal);
  if (tookSome()) return;
  throw vaultError('path-not-found', {
    message: `the restore point ${point.id.slice(0, 8)} holds nothing that matches ${include.join(', ') || 'what is chosen'}`,
    hint: 'holdfast ls ID lists what it holds',
  });
}

/**
 * Restores the files of a restore point into a directory. Everything is staged first: nothing appears under its final
 * name before the restore point has been read to its end and found whole. Throws vault/path-not-found when `include`
 * takes nothing.
 */
export async function restoreToDirectory(restore: RestoreToDirectory): Promise<RestoreTreeResult> {
  const { targetDir, signal, logger, overwrite, dryRun, onProblem, onProgress } = restore;
  const options = { signal, logger, overwrite, dryRun, onProblem, onProgress };
  const isSelected = selection(restore.include, restore.exclude);
  if (!isSelected) return restoreTree(restore.vault.read(restore.point, signal), targetDir, options);
  let tookSome = false;
  const select = (entry: SourceEntry): boolean => {
    const selected = isSelected(entry);
    tookSome ||= selected;
    return selected;
  };
  return restoreTree(
    entriesToSelect(restore, () => tookSome),
    targetDir,
    { ...options, select },
  );
}
