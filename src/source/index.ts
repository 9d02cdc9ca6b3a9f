/**
 * A source is read. It is a tree of entries (a directory) or one file (a database's dump, a program's output);
 * source.ts says what an entry is. Drivers: directory, postgres, command. Beside each source stands its target, which
 * writes the same entries back: a restore is a reading of a restore point into a target.
 *
 * Invariants: names are bytes; an item that can't be read is reported and the rest goes on; a source that can't be read
 * to its end throws, so that nothing half-read becomes a restore point. A source knows no vault.
 */
import type * as postgres from './postgres/index.ts';
import type { RestoreTreeOptions, RestoreTreeResult } from './directory/index.ts';
import type { SourceEntry } from './source.ts';

export type * from './source.ts';
export { harmlessProblems, strongestNeed } from './source.ts';
export { type DeviceNumber, joinDevice, splitDevice } from './device-number.ts';
export type { CommandSourceSpec } from './command/command-source-spec.ts';
export type { DirectorySourceSpec, RestoreProblem, RestoreTreeOptions, RestoreTreeResult } from './directory/index.ts';
export { cacheMarker, type Marker } from './directory/reading/marker.ts';
export { createPathFilter } from './directory/reading/path-filter.ts';
export { isBelow, pathBelow, showPath } from './directory/paths.ts';
export { knownSource, type KnownSource } from './known-source.ts';
export { type DirectoriesSourceSpec, type OpenSourcesOptions, openSources, type SourceSpec } from './open-sources.ts';
export { parseConnectionUri } from './postgres/connection/connection-settings.ts';
export type {
  OpenPostgresOptions,
  PostgresRestoreResult,
  PostgresSourceSpec,
  RestoreDatabaseOptions,
  RestoreGlobalsOptions,
  RestoreTablesOptions,
} from './postgres/index.ts';

/** Gets ready to read a large directory, while it is still being found out what is to be read. */
export async function prepareToRead(): Promise<void> {
  const { prepareToReadAhead } = await import('./directory/reading/read-ahead.ts');
  prepareToReadAhead();
}

/** Writes entries into a directory: see directory/restore-tree.ts, which is loaded when it is called. */
export async function restoreTree(
  entries: AsyncIterable<SourceEntry>,
  targetDir: string,
  options: RestoreTreeOptions,
): Promise<RestoreTreeResult> {
  const target = await import('./directory/restoring/restore-tree.ts');
  return target.restoreTree(entries, targetDir, options);
}

/** What is done with PostgreSQL beside backing it up: loaded when it is asked for. */
export const postgresLibrary = (): Promise<typeof postgres> => import('./postgres/index.ts');
