import { utf8 } from '../dump-format/dump-entries.ts';
import { identifierPattern } from '../dump-format/sql-scanner.ts';
import { parseTableName, qualifiedPattern, type TableName } from './table-name.ts';

const name = `(${qualifiedPattern})`;
const id = identifierPattern;

/**
 * How the statements of pg_dump name the relation that they belong to. The name in an entry's comment is no help: it
 * has no quotes, and a constraint's or a trigger's has the table's before it without a mark between.
 */
const forms: readonly RegExp[] = [
  `^ALTER (?:FOREIGN )?TABLE (?:ONLY )?${name}`,
  `^CREATE (?:UNLOGGED |FOREIGN )?TABLE ${name}`,
  `^CREATE (?:UNIQUE )?INDEX ${id} ON (?:ONLY )?${name}`,
  `^CREATE (?:CONSTRAINT )?TRIGGER ${id} .*? ON ${name}(?= )`,
  `^CREATE POLICY ${id} ON ${name}`,
  `^CREATE RULE ${id} AS\\s+ON [A-Z]+ TO ${name}`,
  `^CREATE STATISTICS ${qualifiedPattern} .*? FROM ${name};`,
  `^COMMENT ON (?:TABLE|SEQUENCE) ${name} IS`,
  `^COMMENT ON COLUMN ${name}\\.${id} IS`,
  `^COMMENT ON (?:CONSTRAINT|TRIGGER|POLICY|RULE) ${id} ON ${name} IS`,
  `^(?:GRANT|REVOKE) .*? ON (?:TABLE|SEQUENCE) ${name} (?:TO|FROM)`,
  `^CREATE SEQUENCE ${name}`,
  `^ALTER SEQUENCE ${name}`,
  `^COPY ${name} `,
  `^INSERT INTO ${name} `,
  `^ALTER INDEX ${name} ATTACH PARTITION`,
].map((form) => new RegExp(form, 's'));

const setval = /^SELECT pg_catalog\.setval\('((?:[^']|'')*)',/;

const read = (text: string): TableName => parseTableName(utf8(text));

/** The table, sequence or (ATTACH) index that the first statement of an entry is about; undefined for anything else. */
export function relationOf(statement: string): TableName | undefined {
  const sequence = setval.exec(statement)?.[1];
  if (sequence !== undefined) return read(sequence.replaceAll("''", "'"));
  for (const form of forms) {
    const found = form.exec(statement)?.[1];
    if (found !== undefined) return read(found);
  }
  return undefined;
}

function second(statement: string, form: string): TableName | undefined {
  const found = new RegExp(form, 's').exec(statement)?.[1];
  return found === undefined ? undefined : read(found);
}

/** The table that a sequence belongs to: "ALTER SEQUENCE s OWNED BY t.column". */
export function sequenceOwner(statement: string): TableName | undefined {
  return second(statement, `^ALTER SEQUENCE ${qualifiedPattern} OWNED BY ${name}\\.${id};`);
}

/** The sequence that an identity column makes for itself. */
export function identitySequence(statement: string): TableName | undefined {
  return second(statement, `AS IDENTITY \\(\\s*SEQUENCE NAME ${name}`);
}

/** The sequences that a table's defaults inside of CREATE TABLE read from. */
export function defaultSequences(statement: string): TableName[] {
  return [...statement.matchAll(/nextval\('((?:[^']|'')*)'::regclass\)/g)].map((match) =>
    read((match[1] ?? '').replaceAll("''", "'")),
  );
}

/** The partition that a statement attaches to its table, or the index to its index. */
export function attachedPartition(statement: string): TableName | undefined {
  return second(statement, `^ALTER (?:TABLE|INDEX) (?:ONLY )?${qualifiedPattern} ATTACH PARTITION ${name}`);
}

/** The parents that a table inherits from. */
export function inheritedTables(statement: string): TableName[] {
  const list = new RegExp(`\\nINHERITS \\(([^)]*)\\)`, 's').exec(statement)?.[1] ?? '';
  return [...list.matchAll(new RegExp(qualifiedPattern, 'gs'))].map((match) => read(match[0]));
}

/** The table that a foreign key refers to. */
export function referencedTable(statement: string): TableName | undefined {
  return second(statement, `FOREIGN KEY \\(.*?\\) REFERENCES ${name}\\(`);
}

/** The function that a trigger calls. */
export function triggerFunction(statement: string): TableName | undefined {
  return second(statement, `EXECUTE FUNCTION ${name}\\(`);
}

/** The index that a CREATE INDEX or a constraint makes, in the table's schema. */
export function madeIndex(statement: string, table: TableName): TableName | undefined {
  const found =
    new RegExp(`^CREATE (?:UNIQUE )?INDEX (${id}) ON `, 's').exec(statement)?.[1] ??
    new RegExp(`ADD CONSTRAINT (${id}) (?:PRIMARY KEY|UNIQUE|EXCLUDE)`, 's').exec(statement)?.[1];
  return found === undefined ? undefined : { schema: table.schema, table: read(found).table };
}
