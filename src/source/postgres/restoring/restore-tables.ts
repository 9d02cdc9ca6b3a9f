import { sourceError } from '../../errors.ts';
import { connect, type Connection, liftTimeouts } from '../connection/connect.ts';
import { connectionSettings } from '../connection/connection-settings.ts';
import type { DumpPiece } from '../dump-format/dump-entries.ts';
import { loadPieces } from './load-pieces.ts';
import { openDump } from './open-dump.ts';
import type { RestoreOptions } from './restore-options.ts';
import type { PostgresRestoreResult } from './restore-result.ts';
import { selectTables, type TableSelection, type TargetObjects } from './select-tables.ts';
import { serverVersion } from '../connection/server-version.ts';
import { quoteTable, showTable, tableKey, type TableName } from './table-name.ts';

export interface RestoreTablesOptions extends RestoreOptions {
  /** The database, which exists, to restore into. */
  readonly url: string;
  /** `table`, `schema.table`, quoted as in SQL where the name needs it. */
  readonly tables: readonly string[];
}

function keysOf(rows: readonly { readonly schema: string; readonly name: string }[]): Set<string> {
  return new Set(rows.map(({ schema, name }) => tableKey({ schema, table: name })));
}

async function readTarget(connection: Connection): Promise<TargetObjects> {
  const named = 'SELECT n.nspname AS schema, o.NAME AS name FROM pg_catalog.';
  const joined = ' o JOIN pg_catalog.pg_namespace n ON n.oid = o.SCHEMA';
  const query = (table: string, prefix: string): string =>
    `${named.replace('NAME', `${prefix}name`)}${table}${joined.replace('SCHEMA', `${prefix}namespace`)}`;
  return {
    relations: keysOf(await connection.query(query('pg_class', 'rel'))),
    functions: keysOf(await connection.query(query('pg_proc', 'pro'))),
  };
}

interface ForeignKey {
  readonly owner: string;
  readonly name: string;
  readonly definition: string;
}

/** Foreign keys of other tables that refer to the ones that will be replaced: as statements to drop and to add them. */
async function foreignKeysTo(connection: Connection, tables: readonly TableName[]) {
  const oids = tables.map((table) => quoteTable(table));
  const rows = await connection.query<ForeignKey>(
    `SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS owner, pg_catalog.quote_ident(k.conname) AS name,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition
     FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0
       AND k.confrelid = ANY (SELECT pg_catalog.to_regclass(name)::oid FROM unnest($1::text[]) AS name)
       AND NOT k.conrelid = ANY (SELECT pg_catalog.to_regclass(name)::oid FROM unnest($1::text[]) AS name
         WHERE pg_catalog.to_regclass(name) IS NOT NULL)`,
    [oids],
  );
  return {
    drop: rows.map(({ owner, name }) => `ALTER TABLE ${owner} DROP CONSTRAINT ${name};\n`),
    add: rows.map(({ owner, name, definition }) => `ALTER TABLE ${owner} ADD CONSTRAINT ${name} ${definition};\n`),
  };
}

/** Reads up to the first rows: there every table and sequence has been defined. */
async function readDefinitions(pieces: AsyncIterator<DumpPiece>): Promise<DumpPiece[]> {
  const before: DumpPiece[] = [];
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    before.push(next.value);
    if (next.value.entry?.type === 'TABLE DATA') break;
  }
  return before;
}

const sql = (text: string): DumpPiece => ({
  kind: 'sql',
  entry: undefined,
  text: Buffer.from(text).toString('latin1'),
});

interface Plan {
  readonly before: readonly DumpPiece[];
  readonly rest: AsyncIterator<DumpPiece>;
  readonly selection: TableSelection;
  readonly first: readonly string[];
  readonly last: readonly string[];
}

async function* plannedPieces({ before, rest, selection, first, last }: Plan): AsyncGenerator<DumpPiece> {
  let begun = false;
  async function* all(): AsyncGenerator<DumpPiece> {
    yield* before;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  }
  for await (const piece of all()) {
    if (piece.entry && !begun) {
      // Ours are in UTF-8, whatever the encoding of the dump.
      begun = true;
      if (first.length > 0) yield sql(inUtf8(first));
    }
    if (selection.includes(piece)) yield piece;
  }
  if (last.length > 0) yield sql(inUtf8(last));
}

/** Statements of ours, in UTF-8 whatever the encoding of the dump around them. */
function inUtf8(statements: readonly string[]): string {
  const set =
    "SELECT pg_catalog.set_config('holdfast.encoding', pg_catalog.current_setting('client_encoding'), true);\n";
  const back =
    "SELECT pg_catalog.set_config('client_encoding', pg_catalog.current_setting('holdfast.encoding'), true);\n";
  return `${set}SET LOCAL client_encoding = 'UTF8';\n${statements.join('')}${back}`;
}

function refuseExisting(existing: readonly TableName[], database: string): void {
  if (existing.length === 0) return;
  throw sourceError('target-exists', {
    message: `${existing.map(showTable).join(', ')} exists in the database "${database}"`,
    hint: 'Restore into another database, or allow the restore to replace it with --overwrite.',
  });
}

/**
 * Restores single tables out of a dump, plain or custom, into a database that exists, in one transaction: with their
 * partitions, sequences, rows, keys, indexes, triggers, policies, comments and privileges. What refers to something that
 * neither the selection nor the target has is left out and told in the notes. Existing tables are replaced if `overwrite`
 * says so; foreign keys of others to them are put back and checked.
 * Throws source/table-not-found, source/target-exists before anything is written, source/restore-failed, …
 */
export async function restoreTables(
  content: AsyncIterable<Uint8Array>,
  options: RestoreTablesOptions,
): Promise<PostgresRestoreResult> {
  const { url, tables, overwrite, signal, logger, binDirs = [], env = process.env } = options;
  const { noOwner = false, noPrivileges = false } = options;
  const connection = await connect(connectionSettings(url, env), signal);
  try {
    // With no search path the server writes every name with its schema.
    await connection.query("SET search_path = ''");
    await liftTimeouts(connection);
    const target = await readTarget(connection);
    const server = await serverVersion(connection);
    const { settings } = connection;
    const dump = await openDump(content, { binDirs, env, signal, logger });
    try {
      const rest = dump.pieces[Symbol.asyncIterator]();
      const before = await readDefinitions(rest);
      const selection = selectTables(before, tables, target);
      const existing = selection.tables.filter((table) => target.relations.has(tableKey(table)));
      if (!overwrite) refuseExisting(existing, settings.database);
      const keys = await foreignKeysTo(connection, existing);
      const schemas = new Set(selection.tables.map(({ schema }) => schema ?? 'public'));
      const first = [
        ...[...schemas].map(
          (schema) => `CREATE SCHEMA IF NOT EXISTS ${quoteTable({ schema: undefined, table: schema })};\n`,
        ),
        ...keys.drop,
        ...(existing.length > 0 ? [`DROP TABLE ${existing.map(quoteTable).join(', ')};\n`] : []),
      ];
      const pieces = plannedPieces({ before, rest, selection, first, last: keys.add });
      const { restricted } = dump;
      await loadPieces(pieces, { settings, server, noOwner, noPrivileges, restricted, binDirs, env, signal, logger });
      return { database: settings.database, notes: [...selection.notes] };
    } finally {
      await dump.close();
    }
  } finally {
    await connection.close();
  }
}
