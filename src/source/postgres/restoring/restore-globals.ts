import type { Logger } from '../../../base/log.ts';
import { messageOf, systemCode } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';
import { connect, type Connection } from '../connection/connect.ts';
import { connectionSettings } from '../connection/connection-settings.ts';
import { utf8 } from '../dump-format/dump-entries.ts';
import { openDump, type OpenDump } from './open-dump.ts';
import { statementFailure } from './restore-failure.ts';
import type { PostgresRestoreResult } from './restore-result.ts';
import { splitStatements } from '../dump-format/sql-scanner.ts';

export interface RestoreGlobalsOptions {
  readonly url: string;
  readonly binDirs?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** SQLSTATE duplicate_object: a role or tablespace of that name exists. */
const duplicateObject = '42710';

/** Statements that may hold a password are never quoted in a message. */
function shown(statement: string): string {
  return statement.replace(/ PASSWORD '.*$/s, ' PASSWORD …');
}

/** Runs one statement; what exists already is kept and told in `kept`. */
async function runStatement(connection: Connection, statement: string, kept: string[]): Promise<void> {
  try {
    await connection.query(statement);
  } catch (error) {
    const exists = systemCode(error) === duplicateObject && /^CREATE (?:ROLE|TABLESPACE) /.test(statement);
    if (!exists) throw statementFailure(shown(statement), error);
    kept.push(messageOf(error));
    if (statement.startsWith('CREATE ROLE ')) await connection.query('ROLLBACK TO SAVEPOINT one');
  }
}

/** PostgreSQL makes no tablespace within a transaction; theirs come after the roles that own them. */
const aboutTablespace =
  /^(?:CREATE TABLESPACE|ALTER TABLESPACE|COMMENT ON TABLESPACE|(?:GRANT|REVOKE) [A-Z, ]+ ON TABLESPACE) /;

/** Restores the globals of an opened dump: all about roles in one transaction, then the tablespaces. */
export async function loadGlobals(dump: OpenDump, options: RestoreGlobalsOptions): Promise<PostgresRestoreResult> {
  const { url, env = process.env, signal } = options;
  let text = '';
  for await (const piece of dump.pieces) if (piece.kind === 'sql') text += piece.text;
  const statements = splitStatements(utf8(text).replaceAll(/^\\.*\n/gm, ''));
  const choices = connectionSettings(url, env).map((settings) => ({ ...settings, database: 'postgres' }));
  const connection = await connect(choices, signal);
  const kept: string[] = [];
  try {
    await connection.query('BEGIN');
    for (const statement of statements.filter((text) => !aboutTablespace.test(text))) {
      signal.throwIfAborted();
      await connection.query('SAVEPOINT one');
      await runStatement(connection, statement, kept);
    }
    await connection.query('COMMIT');
    for (const statement of statements.filter((text) => aboutTablespace.test(text))) {
      await runStatement(connection, statement, kept);
    }
  } finally {
    await connection.close();
  }
  return { database: undefined, notes: kept.map((message) => `Kept, and given the dumped properties: ${message}.`) };
}

/**
 * Restores what pg_dumpall --globals-only wrote: roles, memberships, passwords, settings. A role that exists is kept and
 * given the dumped properties; any other refusal undoes everything and is thrown as source/restore-failed.
 */
export async function restoreGlobals(
  content: AsyncIterable<Uint8Array>,
  options: RestoreGlobalsOptions,
): Promise<PostgresRestoreResult> {
  const { binDirs = [], env = process.env, signal, logger } = options;
  const dump = await openDump(content, { binDirs, env, signal, logger });
  if (dump.isCluster) return loadGlobals(dump, options);
  await dump.close();
  throw sourceError('restore-failed', {
    message: 'the content is a dump of one database, not the globals of a server',
    hint: 'Restore it as a database.',
  });
}
