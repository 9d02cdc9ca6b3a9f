import type { Connection } from '../connection/connect.ts';
import { parseTablePattern } from './exclude-pattern.ts';

/** A table that a dump holds rows of. `name` is "schema.table", each part quoted if SQL needs it. */
export interface DumpedTable {
  readonly name: string;
  readonly schema: string;
  readonly table: string;
}

/**
 * Tables whose rows a dump of the whole database holds: ordinary ones and partitions, not those of extensions; on a
 * standby not the unlogged ones, which it can't read. A partitioned table has no rows of its own.
 */
const dumpedTables = `
  SELECT n.nspname AS schema, c.relname AS table, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence IN ('p', CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'p' ELSE 'u' END)
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 3`;

/** The tables that a dump holds, those that `excluded` (pg_dump's patterns) names left out. */
export async function listDumpedTables(
  connection: Connection,
  excluded: readonly string[] = [],
): Promise<readonly DumpedTable[]> {
  const tables = await connection.query<DumpedTable>(dumpedTables);
  const patterns = excluded.map((pattern) => {
    const { schema, table } = parseTablePattern(pattern);
    return { schema: schema === undefined ? undefined : new RegExp(schema, 'su'), table: new RegExp(table, 'su') };
  });
  return tables.filter(
    (entry) =>
      !patterns.some(
        ({ schema, table }) => table.test(entry.table) && (schema === undefined || schema.test(entry.schema)),
      ),
  );
}

/** Counts the rows of each table, one after the other, as the connection's transaction sees them. */
export async function countRows(
  connection: Connection,
  tables: readonly DumpedTable[],
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const [row] = await connection.query<{ count: string }>(`SELECT pg_catalog.count(*) AS count FROM ONLY ${name}`);
    counts[name] = Number(row?.count);
  }
  return counts;
}
