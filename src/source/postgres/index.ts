/**
 * PostgreSQL as a source and as a target, by PostgreSQL's own programs. A dump is what pg_dump writes, uncompressed and
 * in one snapshot, with the rows of each table counted beside it; globals are what pg_dumpall --globals-only writes.
 *
 * Invariants: a dump that isn't whole, or that nobody can vouch for, throws at its end; a password never stands on a
 * command line; a restore works beside what exists and takes its place only when all of it is there and checked.
 */
export { parseConnectionUri } from './connection/connection-settings.ts';
export { openPostgresSources, type OpenPostgresOptions, type PostgresSourceSpec } from './open-postgres-sources.ts';
export { restoreDatabase, type RestoreDatabaseOptions } from './restoring/restore-database.ts';
export type { PostgresRestoreResult } from './restoring/restore-result.ts';
export { restoreTables, type RestoreTablesOptions } from './restoring/restore-tables.ts';
export { restoreGlobals, type RestoreGlobalsOptions } from './restoring/restore-globals.ts';
export { installedTools, type ClientTool, type ClientProgram } from './programs/find-client-tools.ts';
