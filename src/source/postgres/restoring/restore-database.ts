import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import { hasCode } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';
import {
  connect,
  connectTo,
  type Connection,
  liftTimeouts,
  quoteIdentifier,
  withConnection,
} from '../connection/connect.ts';
import { connectionSettings, type ConnectionSettings, parseConnectionUri } from '../connection/connection-settings.ts';
import { countRows, listDumpedTables } from '../dumping/count-rows.ts';
import { databaseOf, propertiesFor } from '../dump-format/database-properties.ts';
import { loadPieces } from './load-pieces.ts';
import { openDump, type OpenDump } from './open-dump.ts';
import { loadGlobals } from './restore-globals.ts';
import type { RestoreOptions } from './restore-options.ts';
import type { PostgresRestoreResult } from './restore-result.ts';
import { serverVersion } from '../connection/server-version.ts';
import { databaseExists, dropDatabase, execute, swapDatabases } from './swap-database.ts';

export interface RestoreDatabaseOptions extends RestoreOptions {
  /** The server, and the name of the database to make; without one in it, the dumped database's name. */
  readonly url: string;
  /** The name to use when neither the URL nor the dump says one. */
  readonly originalName: string;
  /** What a restore point's details say; other numbers after the restore are a failure. */
  readonly expectedRowCounts?: Readonly<Record<string, number>>;
  readonly clock: Clock;
}

interface Restoring extends RestoreDatabaseOptions {
  readonly dump: OpenDump;
  /** A session with a database that the restore doesn't touch. */
  readonly maintenance: Connection;
  readonly target: string;
  readonly temporary: string;
}

/** Connects to a database of the server that is not `target`: nobody can rename the one that he is connected to. */
async function connectForMaintenance(
  choices: readonly ConnectionSettings[],
  target: string,
  signal: AbortSignal,
): Promise<Connection> {
  const names = ['postgres', 'template1'].filter((name) => name !== target);
  for (const [index, database] of names.entries()) {
    try {
      return await connect(
        choices.map((settings) => ({ ...settings, database })),
        signal,
      );
    } catch (error) {
      if (!hasCode(error, 'source/not-found') || index === names.length - 1) throw error;
    }
  }
  throw sourceError('target-missing', { message: 'no database to connect to' });
}

/** Throws unless the tables of the restored database have the rows that were counted in the snapshot of the dump. */
async function checkRowCounts(connection: Connection, expected: Readonly<Record<string, number>>): Promise<void> {
  await liftTimeouts(connection);
  const counts = await countRows(connection, await listDumpedTables(connection));
  const wrong = Object.entries(expected).filter(([name, count]) => counts[name] !== count);
  if (wrong.length === 0) return;
  const shown = wrong.slice(0, 5).map(([name, count]) => `${name}: ${counts[name] ?? 'missing'} instead of ${count}`);
  throw sourceError('restore-failed', {
    message: `${wrong.length} of ${Object.keys(expected).length} tables don't have the rows that were dumped: ${shown.join(', ')}`,
    hint: 'The dump or the server lost rows: keep the old database, try another restore point.',
    context: { tables: wrong.length },
  });
}

/** Makes the temporary database, fills it, checks it and gives it the properties of the original. */
async function fillTemporary(restoring: Restoring): Promise<string[]> {
  const { dump, maintenance, temporary, expectedRowCounts, signal, logger } = restoring;
  const { noOwner = false, noPrivileges = false, binDirs = [], env = process.env } = restoring;
  const settings = { ...maintenance.settings, database: temporary };
  const server = await serverVersion(maintenance);
  const { create } = propertiesFor(dump.properties, temporary);
  await execute(maintenance, create ?? `CREATE DATABASE ${quoteIdentifier(temporary)} WITH TEMPLATE = template0`);
  const { restricted } = dump;
  await loadPieces(dump.pieces, { settings, server, noOwner, noPrivileges, restricted, binDirs, env, signal, logger });
  if (expectedRowCounts) {
    await withConnection(connectTo(settings, temporary, signal), (connection) =>
      checkRowCounts(connection, expectedRowCounts),
    );
  }
  const { apply } = propertiesFor(dump.properties, temporary, { noOwner, noPrivileges });
  for (const statement of apply) await execute(maintenance, statement);
  const notes = ['Statistics for the planner are gathered by autovacuum; run ANALYZE to have them at once.'];
  if (!create)
    notes.push(
      'The dump says nothing of the database’s own encoding, locale and settings: the server’s defaults are used.',
    );
  if (!expectedRowCounts) notes.push('Row counts were not compared: the restore point has none.');
  return notes;
}

/** Gives the filled database its final name, in the place of an older one if there is one. */
async function putInPlace({ maintenance, target, temporary, clock }: Restoring, replacing: boolean): Promise<string[]> {
  if (!replacing) {
    await execute(maintenance, `ALTER DATABASE ${quoteIdentifier(temporary)} RENAME TO ${quoteIdentifier(target)}`);
    return [];
  }
  const aside = temporary.replace('_holdfast_', '_before_');
  await swapDatabases(maintenance, { from: temporary, to: target, aside }, clock);
  try {
    await dropDatabase(maintenance, aside);
    return [];
  } catch {
    return [`The database that was replaced is still there as "${aside}": it could not be dropped.`];
  }
}

/** PostgreSQL cuts names at 63 bytes: the beginning of the name, so that the random end stays whole. */
function temporaryName(target: string): string {
  const suffix = `_holdfast_${randomBytes(4).toString('hex')}`;
  let start = target;
  while (Buffer.byteLength(start) + suffix.length > 63) start = start.replace(/.$/su, '');
  return start + suffix;
}

async function restoreInto(restoring: Restoring): Promise<PostgresRestoreResult> {
  const { maintenance, target, temporary, overwrite, signal, logger } = restoring;
  const exists = await databaseExists(maintenance, target);
  if (exists && !overwrite) {
    throw sourceError('target-exists', {
      message: `the database "${target}" exists on ${maintenance.settings.host}:${maintenance.settings.port}`,
      hint: 'Name another database in the address, or allow the restore to replace it with --overwrite.',
    });
  }
  try {
    const notes = await fillTemporary(restoring);
    signal.throwIfAborted();
    notes.push(...(await putInPlace(restoring, exists)));
    return { database: target, notes };
  } catch (error) {
    await dropDatabase(maintenance, temporary).catch((reason: unknown) => {
      logger.warn(`the temporary database "${temporary}" could not be dropped`, { reason });
    });
    throw error;
  }
}

/**
 * Restores a dump, plain or custom, as a database: into a temporary one with the original's encoding and locale, in one
 * transaction, checked, and only then put under its name, in the place of an existing one if `overwrite` says so. When
 * anything fails, `content` included, the temporary database is dropped and an existing one is untouched.
 * What pg_dumpall wrote (globals) is recognized and restored as such.
 * Throws source/target-exists before anything is written, source/restore-failed, dump-incomplete, tool-missing, …
 */
export async function restoreDatabase(
  content: AsyncIterable<Uint8Array>,
  options: RestoreDatabaseOptions,
): Promise<PostgresRestoreResult> {
  const { url, originalName, signal, logger, binDirs = [], env = process.env } = options;
  const choices = connectionSettings(url, env);
  const dump = await openDump(content, { binDirs, env, signal, logger });
  try {
    if (dump.isCluster) return await loadGlobals(dump, options);
    const target = parseConnectionUri(url)['dbname'] ?? databaseOf(dump.properties) ?? originalName;
    const maintenance = await connectForMaintenance(choices, target, signal);
    try {
      await liftTimeouts(maintenance);
      return await restoreInto({ ...options, dump, maintenance, target, temporary: temporaryName(target) });
    } finally {
      await maintenance.close();
    }
  } finally {
    await dump.close();
  }
}
