import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { sourceError } from '../errors.ts';
import type { ReadOptions, Source, SourceDetails, SourceEntry, SourceEstimate } from '../source.ts';
import type { DumpFormat } from './dump-format/check-dump.ts';
import { connect, connectTo, type Connection, withConnection } from './connection/connect.ts';
import { addressOf, connectionSettings, type ConnectionSettings } from './connection/connection-settings.ts';
import { matchDatabases } from './dumping/database-patterns.ts';
import { dumpDatabase } from './dumping/dump-database.ts';
import { dumpFileName } from './dumping/dump-file-name.ts';
import { dumpGlobals } from './dumping/dump-globals.ts';

/** A PostgreSQL server, or one database of it, as a source. */
export interface PostgresSourceSpec {
  readonly type: 'postgres';
  /** postgres://user:password@host:port/database; what it leaves open comes from libpq's environment variables. */
  readonly url?: string;
  /** Patterns of database names, "!" negates; default: the URL's database. */
  readonly databases?: readonly string[];
  /** Roles and tablespaces as a source of their own; default: true when `databases` is given. */
  readonly globals?: boolean;
  /** Default plain. */
  readonly format?: DumpFormat;
  /** Default true. */
  readonly rolePasswords?: boolean;
  /** The source's name instead of the database's, where there is one only; else put before it: "name-database". */
  readonly name?: string;
  /** Folders with PostgreSQL's client programs, looked at first. */
  readonly binDirs?: readonly string[];
  /** Tables to leave out, as patterns of pg_dump's --exclude-table. */
  readonly excludeTables?: readonly string[];
  /** How long to wait for a locked table; default 60 000. */
  readonly lockWaitTimeoutMs?: number;
}

export interface OpenPostgresOptions {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Reader {
  readonly type: Source['type'];
  readonly name: string;
  readonly address: string;
  readonly file: string;
  readonly clock: Clock;
  readonly estimate?: (signal: AbortSignal) => Promise<SourceEstimate | undefined>;
  readonly dump: (
    options: ReadOptions,
    signal: AbortSignal,
    onDetails: (details: SourceDetails) => void,
  ) => AsyncIterable<Uint8Array>;
}

/** A source of one file that a program writes. */
function dumpSource(reader: Reader): Source {
  const { type, name, address, file, clock, estimate, dump } = reader;
  return {
    type,
    name,
    shape: 'file',
    paths: [address],
    ...(estimate ? { estimate } : {}),
    read(options) {
      let details: SourceDetails | undefined;
      async function* entries(): AsyncGenerator<SourceEntry> {
        yield {
          path: Buffer.from(file),
          type: 'file',
          mode: 0o600,
          uid: process.getuid?.() ?? 0,
          gid: process.getgid?.() ?? 0,
          mtimeNs: BigInt(clock.now().getTime()) * 1_000_000n,
          open: (signal) => dump(options, AbortSignal.any([signal, options.signal]), (known) => (details = known)),
        };
        if (!details)
          throw sourceError('dump-incomplete', { message: `the dump of ${address} was not read to its end` });
      }
      return { entries: entries(), details: () => details ?? {} };
    },
  };
}

async function databaseSize(settings: ConnectionSettings, signal: AbortSignal): Promise<SourceEstimate | undefined> {
  const sql = 'SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes';
  const [row] = await withConnection(connect([settings], signal), (connection) =>
    connection.query<{ bytes: string }>(sql),
  );
  return { files: 1, bytes: Number(row?.bytes) };
}

/** Connects to discover; with patterns the URL's database need not exist. */
async function connectToDiscover(
  choices: readonly ConnectionSettings[],
  discovering: boolean,
  signal: AbortSignal,
): Promise<Connection> {
  try {
    return await connect(choices, signal);
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'source/not-found';
    const [first] = choices;
    if (!missing || !discovering || !first || first.database === 'postgres') throw error;
    return connectTo(first, 'postgres', signal);
  }
}

async function chooseDatabases(connection: Connection, patterns: readonly string[] | undefined): Promise<string[]> {
  if (patterns === undefined) return [connection.settings.database];
  const rows = await connection.query<{ datname: string }>(
    'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname',
  );
  const names = rows.map((row) => row.datname);
  const chosen = matchDatabases(names, patterns);
  if (chosen.length > 0) return chosen;
  throw sourceError('no-match', {
    message: `none of the ${names.length} databases at ${addressOf(connection.settings)} matches ${patterns.join(', ')}`,
    hint: `There are: ${names.join(', ')}.`,
  });
}

/**
 * Looks at the server and gives one source per chosen database and, with `globals`, one named "globals" before them.
 * Each is one file: "<database>.sql" or ".dump", "globals.sql". Throws source/unreachable, authentication, no-match, …
 */
export async function openPostgresSources(spec: PostgresSourceSpec, options: OpenPostgresOptions): Promise<Source[]> {
  const env = options.env ?? process.env;
  const discovering = spec.databases !== undefined;
  const opening = connectToDiscover(connectionSettings(spec.url, env), discovering, options.signal);
  const { server, databases } = await withConnection(opening, async (connection) => ({
    server: connection.settings,
    databases: await chooseDatabases(connection, spec.databases),
  }));
  const format = spec.format ?? 'plain';
  const shared = { binDirs: spec.binDirs ?? [], env, lockWaitTimeoutMs: spec.lockWaitTimeoutMs ?? 60_000 };
  const sources = databases.map((database) => {
    const settings = { ...server, database };
    const single = spec.databases === undefined;
    const excludeTables = spec.excludeTables ?? [];
    return dumpSource({
      type: 'postgres',
      name: spec.name === undefined ? database : single ? spec.name : `${spec.name}-${database}`,
      address: addressOf(settings),
      file: dumpFileName(database, format),
      clock: options.clock,
      estimate: (signal) => databaseSize(settings, signal),
      dump: ({ logger }, signal, onDetails) =>
        dumpDatabase({ settings, format, excludeTables, ...shared, logger, signal, onDetails }),
    });
  });
  if (!(spec.globals ?? spec.databases !== undefined)) return sources;
  const globals = dumpSource({
    type: 'postgres',
    name: spec.name === undefined ? 'globals' : `${spec.name}-globals`,
    address: addressOf({ ...server, database: 'globals' }),
    file: 'globals.sql',
    clock: options.clock,
    dump: ({ logger }, signal, onDetails) =>
      dumpGlobals({
        settings: server,
        rolePasswords: spec.rolePasswords ?? true,
        ...shared,
        logger,
        signal,
        onDetails,
      }),
  });
  return [globals, ...sources];
}
