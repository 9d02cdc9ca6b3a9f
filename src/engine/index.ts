/**
 * The engine carries out what users ask for: backup (a run: each source read once, into every vault), restore (a
 * restore point read into a target), verify. It is handed opened sources and vaults and opens none itself.
 *
 * Invariants: nothing becomes a restore point before the source has been read to its end; nothing is restored under its
 * final name before the restore point has been checked to its end; what went wrong is in the result, not only in a log.
 */
import type { ObjectStore } from '../store/index.ts';
import type { AcquireLock } from './lock/acquire-lock.ts';
import type { HeldLock } from './lock/keep-lock.ts';

export { runBackup, type BackupRun, type RunResult } from './backup/run-backup.ts';
export type { SourceProgress, SourceResult } from './backup/backup-source.ts';
export { engineError } from './errors.ts';
export type { AcquireLock } from './lock/acquire-lock.ts';
export type { HeldLock } from './lock/keep-lock.ts';
export type { Takeover } from './lock/lock-claim.ts';
export type { LockHolder } from './lock/lock-document.ts';
export { dumpFile, pathNotFound } from './restore/dump-file.ts';
export { dumpFolder, type FolderFormat } from './restore/dump-folder.ts';
export { restoreToDirectory, type RestoreToDirectory } from './restore/restore-to-directory.ts';
export { verifyRestored, type VerifiedFiles, type VerifyRestored } from './restore/verify-restored.ts';
export { restoreToPostgres, type RestoreToPostgres } from './restore/restore-to-postgres.ts';
export { verifyRestorePoints, type VerifyReport, type VerifyRun } from './verify/verify-restore-points.ts';
export {
  pruneAfterRun,
  type PruneAfterRun,
  type PrunedVault,
  type SourcePolicies,
} from './retention/prune-after-run.ts';
export {
  pruneVault,
  type PruneFinding,
  type PruneOptions,
  type PruneReport,
  type TargetPruning,
} from './retention/prune-vault.ts';
export { hasRules, type RetentionPolicy, type RetentionSpan } from './retention/retention-policy.ts';
export { targetLabel, type RetentionTarget } from './retention/retention-target.ts';
export {
  selectKept,
  type KeepReason,
  type KeptPoint,
  type SelectOptions,
  type Selection,
} from './retention/select-kept.ts';

/** Takes a lock: see lock/acquire-lock.ts, which is loaded when it is called. */
export async function acquireLock(store: ObjectStore, key: string, options: AcquireLock): Promise<HeldLock> {
  const lock = await import('./lock/acquire-lock.ts');
  return lock.acquireLock(store, key, options);
}
