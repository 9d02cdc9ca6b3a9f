import { z } from 'zod';
import { parseConnectionUri } from '../../source/index.ts';
import { looseText, text } from '../native/fields.ts';
import { given, type Misplaced } from './shape.ts';

/** The variables that say which database: DATABASE_URL, or libpq's own, which count only without it. */
export const databaseKeys = {
  DATABASE_URL: text.exactOptional(),
  PGHOST: text.exactOptional(),
  PGPORT: z
    .preprocess((value) => (/^\d+$/.test(String(value)) ? Number(value) : value), z.int().min(1).max(65_535))
    .exactOptional(),
  PGUSER: looseText.exactOptional(),
  PGPASSWORD: looseText.exactOptional(),
  PGDATABASE: looseText.exactOptional(),
};

export type DatabaseVariables = Readonly<Partial<Record<keyof typeof databaseKeys, string | number>>>;

const urlForm = 'expected postgresql://user:password@host:port/database';

function urlMistake(url: string): string | undefined {
  try {
    const { host, dbname } = parseConnectionUri(url);
    if (host === undefined) return `it names no host; ${urlForm}`;
    return dbname === undefined ? `it names no database; ${urlForm}` : undefined;
  } catch (error) {
    return `${(error as Error).message}; ${urlForm}`;
  }
}

/** What is wrong with the database's variables. */
export function checkDatabase(
  variables: DatabaseVariables,
  required: readonly (keyof DatabaseVariables)[],
): Misplaced[] {
  const { DATABASE_URL: url } = variables;
  if (url !== undefined) {
    const mistake = urlMistake(String(url));
    return mistake === undefined ? [] : [{ path: ['DATABASE_URL'], message: mistake }];
  }
  const missing = required.filter((name) => variables[name] === undefined);
  if (missing.length === required.length)
    return [{ path: ['DATABASE_URL'], message: `is missing; ${urlForm}, or ${required.join(', ')}` }];
  return missing.map((name) => ({
    path: [name],
    message: 'is missing beside the other PG… variables; expected a text',
  }));
}

/** The database as a source of the native shape. */
export function databaseSource(variables: DatabaseVariables): object {
  const { DATABASE_URL: url, PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password } = variables;
  if (url !== undefined) return { type: 'postgres', url };
  return given({ type: 'postgres', host, port, user, password, database: variables.PGDATABASE });
}
