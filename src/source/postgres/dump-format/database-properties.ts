import { sourceError } from '../../errors.ts';
import { identifierPattern, splitStatements } from './sql-scanner.ts';
import type { TocEntry } from './dump-entries.ts';

/**
 * What belongs to a database itself: CREATE DATABASE with encoding and locale, owner, settings, comment, privileges.
 * pg_dump writes it only with --create, under the database's own name. A plain dump of ours has it as comments at its
 * beginning, so that psql loads the dump into any database, and a restore of ours can apply it to any name:
 *
 *     -- holdfast: database properties
 *     --| CREATE DATABASE …
 *     -- holdfast: end of database properties
 *
 * Behind "--| " a backslash is written \\ and a carriage return \r: psql ends a comment at one.
 */
export const blockBegin = '-- holdfast: database properties';
export const blockEnd = '-- holdfast: end of database properties';
const linePrefix = '--| ';

/** The statements as a block of comments. */
export function writePropertiesBlock(statements: readonly string[]): string {
  const lines = statements
    .join('\n')
    .split('\n')
    .map((line) => linePrefix + line.replaceAll('\\', String.raw`\\`).replaceAll('\r', String.raw`\r`));
  return `${[blockBegin, ...lines, blockEnd].join('\n')}\n\n`;
}

/** Reads such a block back; undefined when `text` doesn't begin with one, or not with a whole one. */
export function readPropertiesBlock(
  text: string,
): { readonly statements: string[]; readonly rest: string } | undefined {
  if (!text.startsWith(`${blockBegin}\n`)) return undefined;
  const end = text.indexOf(`\n${blockEnd}\n`);
  if (end < 0) return undefined;
  const lines = text
    .slice(blockBegin.length + 1, end)
    .split('\n')
    .map((line) =>
      line
        .slice(linePrefix.length)
        .replaceAll(/\\(.)/g, (_all, character: string) => (character === 'r' ? '\r' : character)),
    );
  return { statements: splitStatements(lines.join('\n')), rest: text.slice(end + blockEnd.length + 2) };
}

/** True for the entries of an archive that speak of the database itself. */
export function isDatabaseEntry({ name, type }: TocEntry): boolean {
  if (type === 'DATABASE' || type === 'DATABASE PROPERTIES') return true;
  return (type === 'COMMENT' || type === 'ACL' || type === 'SECURITY LABEL') && name.startsWith('DATABASE ');
}

/** How a statement about a database begins; the name follows. Each alternative is a form that pg_dump writes. */
const beforeName = new RegExp(
  `^(?:CREATE DATABASE|ALTER DATABASE|ALTER ROLE ${identifierPattern} IN DATABASE|COMMENT ON DATABASE` +
    `|(?:GRANT|REVOKE) [A-Z, ]+ ON DATABASE|SECURITY LABEL FOR ${identifierPattern} ON DATABASE) `,
);
const nameAtStart = new RegExp(`^${identifierPattern}`);

/** The statement with another database in it; undefined when it is not about a database. */
export function renameInStatement(statement: string, database: string): string | undefined {
  const start = beforeName.exec(statement)?.[0];
  if (start === undefined) return undefined;
  const name = nameAtStart.exec(statement.slice(start.length))?.[0];
  if (name === undefined) return undefined;
  return start + `"${database.replaceAll('"', '""')}"` + statement.slice(start.length + name.length);
}

export interface PropertyChoice {
  /** Leave the owner to whoever restores. */
  readonly noOwner?: boolean;
  readonly noPrivileges?: boolean;
}

const isOwner = (statement: string): boolean => /^ALTER DATABASE (?:"(?:[^"]|"")*"|\S+) OWNER TO /.test(statement);
const isPrivilege = (statement: string): boolean => /^(?:GRANT|REVOKE) /.test(statement);

/** Splits properties into what creates the database and what is applied to it once it is filled. */
export function propertiesFor(
  statements: readonly string[],
  database: string,
  choice: PropertyChoice = {},
): { readonly create: string | undefined; readonly apply: readonly string[] } {
  let create: string | undefined;
  const apply: string[] = [];
  for (const statement of statements) {
    const renamed = renameInStatement(statement, database);
    if (renamed === undefined) continue;
    if (renamed.startsWith('CREATE DATABASE ')) {
      if (!/ TEMPLATE = template0\b/.test(renamed)) {
        throw sourceError('restore-failed', { message: `unexpected way to create a database: ${statement}` });
      }
      create = renamed;
    } else if (!(choice.noOwner && isOwner(renamed)) && !(choice.noPrivileges && isPrivilege(renamed))) {
      apply.push(renamed);
    }
  }
  return { create, apply };
}

/** The name in the CREATE DATABASE statement; undefined when there is none. */
export function databaseOf(statements: readonly string[]): string | undefined {
  const create = statements.find((statement) => statement.startsWith('CREATE DATABASE '));
  const name = create && nameAtStart.exec(create.slice('CREATE DATABASE '.length))?.[0];
  if (name === undefined) return undefined;
  const bare = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
  return bare;
}
