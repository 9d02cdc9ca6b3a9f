import type { Clock } from '../../../base/clock.ts';
import { systemCode } from '../../../base/errors.ts';
import { type Connection, quoteIdentifier } from '../connection/connect.ts';
import { statementFailure } from './restore-failure.ts';

/** SQLSTATE object_in_use: sessions are connected. */
const objectInUse = '55006';
const tries = 10;
const pauseMs = 200;

export async function databaseExists(connection: Connection, name: string): Promise<boolean> {
  return (await connection.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [name])).length > 0;
}

/** Runs a statement; a refusal becomes a HoldfastError that quotes it. */
export async function execute(connection: Connection, statement: string): Promise<void> {
  try {
    await connection.query(statement);
  } catch (error) {
    throw statementFailure(statement, error);
  }
}

function rename(from: string, to: string): string {
  return `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`;
}

async function renameBoth(connection: Connection, from: string, to: string, aside: string): Promise<void> {
  await connection.query('BEGIN');
  try {
    await connection.query(rename(to, aside));
    await connection.query(rename(from, to));
    await connection.query('COMMIT');
  } catch (error) {
    await connection.query('ROLLBACK');
    throw error;
  }
}

/**
 * Puts database `from` in the place of `to`, which is called `aside` from then on. Both renames are one transaction:
 * at no moment is there no `to`. Sessions connected to `to` are ended; clients that come back at once are ended again.
 */
export async function swapDatabases(
  connection: Connection,
  names: { readonly from: string; readonly to: string; readonly aside: string },
  clock: Clock,
): Promise<void> {
  const { from, to, aside } = names;
  for (let attempt = 1; ; attempt += 1) {
    await connection.query(
      'SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1',
      [to],
    );
    try {
      await renameBoth(connection, from, to, aside);
      return;
    } catch (error) {
      if (systemCode(error) !== objectInUse || attempt >= tries) {
        throw statementFailure(rename(to, aside), error);
      }
      await clock.sleep(pauseMs);
    }
  }
}

/** Drops a database with whoever is connected to it. */
export async function dropDatabase(connection: Connection, name: string): Promise<void> {
  await execute(connection, `DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`);
}
