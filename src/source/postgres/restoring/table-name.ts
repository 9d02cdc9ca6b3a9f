import { identifierPattern } from '../dump-format/sql-scanner.ts';

/** A name of a relation: with its schema in SQL, without one perhaps in what a person typed. */
export interface TableName {
  readonly schema: string | undefined;
  readonly table: string;
}

/** "schema.table" as SQL text. */
export const qualifiedPattern = `${identifierPattern}\\.${identifierPattern}`;

const parts = new RegExp(`^(?:(${identifierPattern})\\.)?(${identifierPattern})$`, 's');

const unquote = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text);

/** Reads `table`, `schema.table` or `"Odd.schema"."table"`; letters keep their case. A name that is no SQL is taken as it is. */
export function parseTableName(text: string): TableName {
  const found = parts.exec(text);
  if (!found) return { schema: undefined, table: text };
  return { schema: found[1] === undefined ? undefined : unquote(found[1]), table: unquote(found[2] ?? '') };
}

/** One spelling for one relation: what SQL writes bare and what it quotes are the same key. */
export function tableKey({ schema, table }: TableName): string {
  return JSON.stringify([schema ?? '', table]);
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** "schema.table" quoted for SQL. */
export function quoteTable({ schema, table }: TableName): string {
  return schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`;
}

/** "schema.table" for people. */
export function showTable({ schema, table }: TableName): string {
  return schema === undefined ? table : `${schema}.${table}`;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_value, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

const bare = (name: string): string => name.slice(name.lastIndexOf('.') + 1).toLowerCase();

/** The few names that look most like `wanted`. */
export function nearNames(wanted: string, names: readonly string[]): string[] {
  return names
    .map((name) => ({ name, far: distance(bare(wanted), bare(name)) }))
    .filter(({ name, far }) => far <= Math.max(2, bare(name).length / 3) || bare(name).includes(bare(wanted)))
    .sort((a, b) => a.far - b.far)
    .slice(0, 5)
    .map(({ name }) => name);
}
