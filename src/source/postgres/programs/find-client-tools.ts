import { execFile } from 'node:child_process';
import { access, constants, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { sourceError } from '../../errors.ts';
import { parseVersion, type PostgresVersion } from '../connection/server-version.ts';

const run = promisify(execFile);

export type ClientProgram = 'pg_dump' | 'pg_dumpall' | 'pg_restore' | 'psql';

/** One program of one installed PostgreSQL client. */
export interface ClientTool {
  readonly program: ClientProgram;
  readonly path: string;
  readonly version: PostgresVersion;
}

export interface FindClientTools {
  readonly program: ClientProgram;
  /** The server to talk to, or the version that wrote the archive to read. */
  readonly server: PostgresVersion;
  /** Folders to look at besides the usual ones. */
  readonly binDirs?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where to look behind binDirs and PATH; default: where distributions put their clients. */
  readonly usualFolders?: readonly string[];
}

/** Where distributions put one folder per major version. */
const roots: readonly { readonly folder: string; readonly names: RegExp; readonly below: string }[] = [
  { folder: '/usr/lib/postgresql', names: /^\d/, below: 'bin' },
  { folder: '/usr', names: /^pgsql-\d/, below: 'bin' },
  { folder: '/usr/libexec', names: /^postgresql\d/, below: '' },
  { folder: '/opt/homebrew/opt', names: /^(?:postgresql|libpq)/, below: 'bin' },
  { folder: '/usr/local/opt', names: /^(?:postgresql|libpq)/, below: 'bin' },
];

async function distributionFolders(): Promise<string[]> {
  const found: string[] = [];
  for (const { folder, names, below } of roots) {
    const entries = await readdir(folder).catch(() => []);
    found.push(...entries.filter((name) => names.test(name)).map((name) => path.join(folder, name, below)));
  }
  return found;
}

async function toolAt(file: string, program: ClientProgram): Promise<ClientTool | undefined> {
  try {
    await access(file, constants.X_OK);
    // Debian's pg_wrapper picks a version by rules of its own; the real programs are found beside it.
    if (path.basename(await realpath(file)) === 'pg_wrapper') return undefined;
    const { stdout } = await run(file, ['--version'], { timeout: 20_000 });
    const version = parseVersion(stdout);
    return version && { program, path: file, version };
  } catch {
    return undefined; // not there, or no program that works: no candidate
  }
}

/** Every installed copy of `program`, each found once. */
export async function installedTools({ program, binDirs, env, usualFolders }: Omit<FindClientTools, 'server'>) {
  const onPath = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const folders = new Set([...(binDirs ?? []), ...onPath, ...(usualFolders ?? (await distributionFolders()))]);
  const tools = await Promise.all([...folders].map((folder) => toolAt(path.join(folder, program), program)));
  return tools.filter((tool) => tool !== undefined);
}

function olderFirst(a: ClientTool, b: ClientTool): number {
  return a.version.major - b.version.major || b.version.minor - a.version.minor;
}

/**
 * The oldest installed client that is not older than the server, and of that major version the newest: PostgreSQL
 * refuses to dump a server that is newer than pg_dump, and a dump by a much newer client asks for a newer server.
 * Throws source/tool-missing when there is none at all, source/tool-too-old when all are older.
 */
export async function findClientTool(options: FindClientTools): Promise<ClientTool> {
  const { program, server } = options;
  const installed = (await installedTools(options)).sort(olderFirst);
  const fitting = installed.find(({ version }) => version.major >= server.major);
  if (fitting) return fitting;
  const hint = `Install a PostgreSQL client of version ${server.major} or newer: apt install postgresql-client-${server.major}`;
  const newest = installed.at(-1);
  if (!newest) {
    throw sourceError('tool-missing', { message: `${program} is not installed on this machine`, hint });
  }
  throw sourceError('tool-too-old', {
    message: `${program} ${newest.version.text} can't work with a PostgreSQL ${server.text} server: it is older`,
    hint,
    context: { path: newest.path, clientVersion: newest.version.text, serverVersion: server.text },
  });
}
