import type { NewRestorePoint } from '../vault.ts';

/** Header values are ASCII: what is not is percent-encoded. */
const headerValue = (text: string): string =>
  text.replaceAll(/[^\u0020-\u007e]+/g, (part) => encodeURIComponent(part.toWellFormed()));

/** "db.example" of "db.example:5432/shop". */
const serverOf = (address: string | undefined): string | undefined => address?.replace(/:\d+\/.*$/s, '');

/**
 * What a store shows of an artefact without its manifest being read: when it was made, of what, and where. Of a database,
 * `host` is its server; of everything else the machine that read it. The store adds the size where it knows it.
 */
export function objectMetadata({ source, startedAt, host }: NewRestorePoint): Record<string, string> {
  const timestamp = startedAt.toISOString();
  return source.type === 'postgres'
    ? { timestamp, database: headerValue(source.name), host: headerValue(serverOf(source.paths[0]) ?? host) }
    : { timestamp, source: headerValue(source.name), host: headerValue(host) };
}
