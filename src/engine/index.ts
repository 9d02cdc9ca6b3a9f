/**
 * The engine carries out what users ask for: backup (a run: each source read once, into every vault), restore (a
 * restore point read into a target), verify. It is handed opened sources and vaults and opens none itself.
 *
 * Invariants: nothing becomes a restore point before the source has been read to its end; nothing is restored under its
 * final name before the restore point has been checked to its end; what went wrong is in the result, not only in a log.
 */
export { runBackup, type BackupRun, type RunResult } from './backup/run-backup.ts';
export type { SourceProgress, SourceResult } from './backup/backup-source.ts';
export { engineError } from './errors.ts';
export { dumpFile } from './restore/dump-file.ts';
export { restoreToDirectory, type RestoreToDirectory } from './restore/restore-to-directory.ts';
export { restoreToPostgres, type RestoreToPostgres } from './restore/restore-to-postgres.ts';
export { verifyRestorePoints, type VerifyReport, type VerifyRun } from './verify/verify-restore-points.ts';
