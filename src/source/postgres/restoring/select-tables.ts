import { sourceError } from '../../errors.ts';
import type { DumpPiece } from '../dump-format/dump-entries.ts';
import {
  attachedPartition,
  defaultSequences,
  identitySequence,
  madeIndex,
  referencedTable,
  relationOf,
  sequenceOwner,
  triggerFunction,
} from './entry-relations.ts';
import { splitStatements } from '../dump-format/sql-scanner.ts';
import { nearNames, parseTableName, showTable, tableKey, type TableName } from './table-name.ts';

export type SqlPiece = Extract<DumpPiece, { kind: 'sql' }>;

/** What the target has already, as keys of `tableKey`. */
export interface TargetObjects {
  readonly relations: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
}

/** The tables that were asked for, with their partitions and sequences, found in the first part of a dump. */
export interface TableSelection {
  readonly tables: readonly TableName[];
  /** True when a piece belongs to the selection. */
  includes(piece: DumpPiece): boolean;
  /** What was left out because the target lacks what it needs. */
  readonly notes: readonly string[];
}

const tableTypes = new Set(['TABLE', 'FOREIGN TABLE']);

/** The first statement of an entry: what it is about. */
export function firstStatement(piece: SqlPiece): string {
  const text = piece.text.replace(/^(?:--[^\n]*\n|\s+|SET default_[a-z_]+ = [^\n]*\n)+/, '');
  return piece.entry?.type === 'TABLE DATA' ? text : (splitStatements(text)[0] ?? text);
}

function relationOfPiece(piece: DumpPiece): TableName | undefined {
  return piece.kind === 'sql' && piece.entry ? relationOf(firstStatement(piece)) : undefined;
}

/** The tables of the dump that one name means: exactly, else folded to lower case as SQL does. */
function findTables(wanted: string, all: readonly TableName[]): TableName[] {
  const name = parseTableName(wanted);
  const fits = (schema: string | undefined, table: string): TableName[] =>
    all.filter((each) => each.table === table && (schema === undefined || each.schema === schema));
  const exact = fits(name.schema, name.table);
  const found = exact.length > 0 ? exact : fits(name.schema?.toLowerCase(), name.table.toLowerCase());
  if (found.length === 1) return found;
  const near = nearNames(wanted, all.map(showTable));
  throw sourceError('table-not-found', {
    message:
      found.length === 0
        ? `the dump has no table "${wanted}"`
        : `"${wanted}" is the name of ${found.length} tables: ${found.map(showTable).join(', ')}`,
    hint:
      found.length > 0
        ? 'Give the schema too: schema.table.'
        : near.length > 0
          ? `Did you mean ${near.join(', ')}?`
          : `The dump has ${all.length} tables: ${all.slice(0, 20).map(showTable).join(', ')}.`,
  });
}

/** Adds partitions of chosen tables, and theirs. */
function addPartitions(chosen: Map<string, TableName>, statements: readonly string[]): void {
  for (let before = -1; before !== chosen.size;) {
    before = chosen.size;
    for (const statement of statements) {
      const partition = attachedPartition(statement);
      const parent = partition && relationOf(statement);
      if (partition && parent && chosen.has(tableKey(parent))) chosen.set(tableKey(partition), partition);
    }
  }
}

/** The sequences that belong to chosen tables, and those that their defaults need and the target lacks. */
function sequencesOf(
  chosen: ReadonlyMap<string, TableName>,
  statements: readonly string[],
  target: TargetObjects,
): Set<string> {
  const sequences = new Set<string>();
  const isChosen = (table: TableName | undefined): boolean => table !== undefined && chosen.has(tableKey(table));
  for (const statement of statements) {
    const about = relationOf(statement);
    if (about && isChosen(sequenceOwner(statement))) sequences.add(tableKey(about));
    if (!isChosen(about)) continue;
    const identity = identitySequence(statement);
    if (identity) sequences.add(tableKey(identity));
    for (const sequence of defaultSequences(statement)) {
      if (!target.relations.has(tableKey(sequence))) sequences.add(tableKey(sequence));
    }
  }
  return sequences;
}

interface Decision {
  readonly chosen: ReadonlyMap<string, TableName>;
  readonly target: TargetObjects;
  readonly indexes: Set<string>;
  readonly notes: string[];
}

/** Whether an entry about a chosen table can stand in the target. */
function canStand(statement: string, table: TableName, { chosen, target, indexes, notes }: Decision): boolean {
  const there = (name: TableName): boolean => chosen.has(tableKey(name)) || target.relations.has(tableKey(name));
  const referenced = referencedTable(statement);
  if (referenced && !there(referenced)) {
    notes.push(`Left out a foreign key of ${showTable(table)}: ${showTable(referenced)} is not in the target.`);
    return false;
  }
  const called = triggerFunction(statement);
  if (called && called.schema !== 'pg_catalog' && !target.functions.has(tableKey(called))) {
    notes.push(`Left out a trigger of ${showTable(table)}: the function ${showTable(called)} is not in the target.`);
    return false;
  }
  const partition = statement.startsWith('ALTER TABLE') ? attachedPartition(statement) : undefined;
  if (partition && !there(partition)) return false;
  const index = madeIndex(statement, table);
  if (index) indexes.add(tableKey(index));
  return true;
}

/**
 * Decides what of a dump belongs to the `wanted` tables. `before` is all that stands before the first rows, where every
 * table and sequence is defined. Throws source/table-not-found, with names that look alike.
 */
export function selectTables(
  before: readonly DumpPiece[],
  wanted: readonly string[],
  target: TargetObjects,
): TableSelection {
  const definitions = before.filter((piece): piece is SqlPiece => piece.kind === 'sql' && piece.entry !== undefined);
  const all = definitions
    .filter(({ entry }) => tableTypes.has(entry?.type ?? ''))
    .map((piece) => relationOfPiece(piece))
    .filter((name) => name !== undefined);
  const chosen = new Map(wanted.flatMap((name) => findTables(name, all)).map((name) => [tableKey(name), name]));
  const statements = definitions.map(firstStatement);
  addPartitions(chosen, statements);
  const sequences = sequencesOf(chosen, statements, target);
  const decision: Decision = { chosen, target, indexes: new Set(), notes: [] };
  let lastRowsIncluded = false;
  return {
    tables: [...chosen.values()],
    notes: decision.notes,
    includes(piece) {
      if (!piece.entry) return true;
      if (piece.kind === 'rows') return lastRowsIncluded;
      const statement = firstStatement(piece);
      const about = relationOf(statement);
      const key = about && tableKey(about);
      let included = key !== undefined && (sequences.has(key) || decision.indexes.has(key));
      if (about && key !== undefined && chosen.has(key)) included = canStand(statement, about, decision);
      if (piece.entry.type === 'TABLE DATA') lastRowsIncluded = included;
      return included;
    },
  };
}
