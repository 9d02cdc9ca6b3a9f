import type { DumpFormat } from '../dump-format/check-dump.ts';

/** The name of a database's dump as an entry. */
export function dumpFileName(database: string, format: DumpFormat = 'plain'): string {
  return `${database.replaceAll('/', '_')}.${format === 'custom' ? 'dump' : 'sql'}`;
}
