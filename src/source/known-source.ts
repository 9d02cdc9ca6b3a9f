import { basename, resolve } from 'node:path';
import type { SourceSpec } from './open-sources.ts';
import { addressOf, connectionSettings } from './postgres/connection/connection-settings.ts';
import { dumpFileName } from './postgres/dumping/dump-file-name.ts';
import type { SourceType } from './source.ts';

/** What a specification alone tells of its source. */
export interface KnownSource {
  readonly type: SourceType;
  readonly name: string;
  readonly shape: 'tree' | 'file';
  /** Of a file: its name in the restore point. */
  readonly fileName?: string;
  /** As `paths` of the opened source says it: absolute paths, or "host:port/database". No secret. */
  readonly paths: readonly string[];
  /** PostgreSQL: who logs in. */
  readonly user?: string;
}

/**
 * What is known of a source before it is opened. Undefined when that would take a look at the server: several
 * databases by patterns, several hosts, an address that can't be understood.
 */
export function knownSource(
  spec: SourceSpec,
  env: Readonly<Record<string, string | undefined>> = process.env,
): KnownSource | undefined {
  switch (spec.type) {
    case 'directory': {
      const path = resolve(spec.path);
      return { type: 'directory', name: spec.name ?? (basename(path) || 'root'), shape: 'tree', paths: [path] };
    }
    case 'directories': {
      const paths = spec.directories.map(({ path }) => resolve(path));
      return { type: 'directory', name: spec.name ?? 'files', shape: 'tree', paths };
    }
    case 'postgres': {
      if (spec.databases !== undefined || spec.globals === true) return undefined;
      try {
        const [settings, second] = connectionSettings(spec.url, env);
        if (settings === undefined || second !== undefined) return undefined;
        const { database, user } = settings;
        const fileName = dumpFileName(database, spec.format);
        const paths = [addressOf(settings)];
        return { type: 'postgres', name: spec.name ?? database, shape: 'file', fileName, paths, user };
      } catch {
        return undefined; // opening it says what is wrong
      }
    }
    default:
      return undefined;
  }
}
