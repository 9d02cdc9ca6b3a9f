import { messageOf, systemCode } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';
import { type Connection, liftTimeouts } from '../connection/connect.ts';

/** A transaction that holds one moment of a database still, and the name by which pg_dump joins it. */
export interface Snapshot {
  readonly id: string;
  readonly inRecovery: boolean;
}

const settings = [
  // A count that row security would quietly make smaller must fail, as pg_dump does.
  'SET row_security = off',
  "SET search_path = ''",
];

/** Begins a read-only transaction on `connection` and exports its snapshot; it holds until the connection closes. */
export async function exportSnapshot(connection: Connection): Promise<Snapshot> {
  await liftTimeouts(connection);
  for (const statement of settings) await connection.query(statement);
  await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const [row] = await connection.query<Snapshot>(
      'SELECT pg_catalog.pg_export_snapshot() AS id, pg_catalog.pg_is_in_recovery() AS "inRecovery"',
    );
    if (row) return row;
  } catch (error) {
    throw sourceError('dump-failed', {
      message: `PostgreSQL refused to export a snapshot: ${messageOf(error)}`,
      hint: 'Dump from a server that supports pg_export_snapshot(), by a direct connection.',
      context: { sqlState: systemCode(error) },
      cause: error,
    });
  }
  throw sourceError('dump-failed', { message: 'PostgreSQL exported no snapshot' });
}
