import type { Logger } from '../../base/log.ts';
import {
  createPathFilter,
  restoreTree,
  type RestoreProblem,
  type RestoreTreeResult,
  type SourceEntry,
} from '../../source/index.ts';
import type { RestorePoint, Vault } from '../../vault/index.ts';
import { innerPath } from './dump-file.ts';

export interface RestoreToDirectory {
  readonly vault: Vault;
  readonly point: RestorePoint;
  /** Made when it does not exist. */
  readonly targetDir: string;
  /** Only what matches (gitignore rules) is restored; everything when empty. */
  readonly include: readonly string[];
  readonly overwrite: 'never' | 'if-changed' | 'always';
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly onProblem: (problem: RestoreProblem) => void;
  readonly onProgress: (progress: { readonly files: number; readonly bytes: number }) => void;
}

/** Which paths the globs take. A path that names a folder or file exactly takes it with all that is in it. */
function selection(include: readonly string[]): ((entry: SourceEntry) => boolean) | undefined {
  if (include.length === 0) return undefined;
  const anchored = include.map((glob) => (/[*?[]/.test(glob) ? glob : `/${innerPath(glob).toString()}`));
  const filter = createPathFilter({ include: anchored });
  return ({ path, type }) => filter.decide(path, type === 'directory') === 'keep';
}

/**
 * Restores the files of a restore point into a directory. Everything is staged first: nothing appears under its final
 * name before the restore point has been read to its end and found whole.
 */
export async function restoreToDirectory(restore: RestoreToDirectory): Promise<RestoreTreeResult> {
  const { vault, point, signal } = restore;
  const select = selection(restore.include);
  return restoreTree(vault.read(point, signal), restore.targetDir, {
    signal,
    logger: restore.logger,
    overwrite: restore.overwrite,
    dryRun: restore.dryRun,
    onProblem: restore.onProblem,
    onProgress: restore.onProgress,
    ...(select ? { select } : {}),
  });
}
