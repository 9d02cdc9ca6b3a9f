import type { Connection } from './connect.ts';

/** A version of PostgreSQL: of a server or of one of its programs. */
export interface PostgresVersion {
  /** 15, 18; for 9.6 it is 9. */
  readonly major: number;
  readonly minor: number;
  /** "15.18", "18beta1". */
  readonly text: string;
}

/** Reads "15.18 (Debian 15.18-0+deb12u1)" or "pg_dump (PostgreSQL) 18beta1"; undefined when there is no version. */
export function parseVersion(text: string): PostgresVersion | undefined {
  const found = /(?:^|\s)((\d+)(?:\.(\d+))?[a-z0-9.]*)/.exec(text.replace(/^.*\(PostgreSQL\)/, ''));
  if (!found) return undefined;
  return { major: Number(found[2]), minor: Number(found[3] ?? 0), text: found[1] ?? '' };
}

/** The version of the server behind a connection. */
export async function serverVersion(connection: Connection): Promise<PostgresVersion> {
  const [row] = await connection.query<{ server_version: string }>('SHOW server_version');
  return parseVersion(row?.server_version ?? '') ?? { major: 0, minor: 0, text: row?.server_version ?? 'unknown' };
}
