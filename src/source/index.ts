/**
 * A source is read. It is a tree of entries (a directory) or one file (a database's dump, a program's output);
 * source.ts says what an entry is. Drivers: directory, postgres, command. Beside each source stands its target, which
 * writes the same entries back: a restore is a reading of a restore point into a target.
 *
 * Invariants: names are bytes; an item that can't be read is reported and the rest goes on; a source that can't be read
 * to its end throws, so that nothing half-read becomes a restore point. A source knows no vault.
 */
export type * from './source.ts';
export { harmlessProblems } from './source.ts';
export { type DeviceNumber, joinDevice, splitDevice } from './device-number.ts';
export type { CommandSourceSpec } from './command/command-source-spec.ts';
export {
  cacheMarker,
  createPathFilter,
  type DirectorySourceSpec,
  type Marker,
  type RestoreProblem,
  restoreTree,
  type RestoreTreeOptions,
  type RestoreTreeResult,
} from './directory/index.ts';
export { knownSource, type KnownSource } from './known-source.ts';
export { type DirectoriesSourceSpec, type OpenSourcesOptions, openSources, type SourceSpec } from './open-sources.ts';
export {
  installedTools,
  openPostgresSources,
  parseConnectionUri,
  type OpenPostgresOptions,
  type PostgresRestoreResult,
  type PostgresSourceSpec,
  restoreDatabase,
  type RestoreDatabaseOptions,
  restoreGlobals,
  type RestoreGlobalsOptions,
  restoreTables,
  type RestoreTablesOptions,
} from './postgres/index.ts';
