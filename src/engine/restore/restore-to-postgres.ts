import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { postgresLibrary, type PostgresRestoreResult, type SourceEntry } from '../../source/index.ts';
import type { RestorePoint, Vault } from '../../vault/index.ts';
import { engineError } from '../errors.ts';

export interface RestoreToPostgres {
  readonly vault: Vault;
  readonly point: RestorePoint;
  /** The server, and the name of the database to make or to restore tables into; the original name unless it says one. */
  readonly url: string;
  /** Replace an existing database, or existing tables. */
  readonly overwrite: boolean;
  /** Only these tables, into a database that exists; the whole database when empty. */
  readonly tables: readonly string[];
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The bytes of the one file, ending only after the vault has checked the whole: the end of this is the go-ahead. */
async function* checkedContent(entries: AsyncIterable<SourceEntry>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) if (entry.open) yield* entry.open(signal);
}

/** Restores a database's dump, or a server's globals (the dump itself says which it is), into a PostgreSQL server. */
export async function restoreToPostgres(restore: RestoreToPostgres): Promise<PostgresRestoreResult> {
  const { vault, point, url, overwrite, tables, signal, logger, clock } = restore;
  if (point.source.type !== 'postgres')
    throw engineError('wrong-target', {
      message: `the restore point ${point.id.slice(0, 8)} holds a ${point.source.type}, not a PostgreSQL dump`,
      hint: 'Restore it with --target DIR',
    });
  const { restoreDatabase, restoreTables } = await postgresLibrary();
  const content = checkedContent(vault.read(point, signal), signal);
  if (tables.length > 0) return restoreTables(content, { url, tables, overwrite, signal, logger });
  const expectedRowCounts = point.details.rowCounts;
  return restoreDatabase(content, {
    url,
    originalName: point.source.name,
    overwrite,
    signal,
    logger,
    clock,
    ...(expectedRowCounts ? { expectedRowCounts } : {}),
  });
}
