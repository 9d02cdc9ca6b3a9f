import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { hasCode, HoldfastError, messageOf, systemCode } from '../../../base/errors.ts';
import { scrub } from '../../../base/secrets.ts';
import { sourceError } from '../../errors.ts';
import { addressOf, type ConnectionSettings } from './connection-settings.ts';

const defaultConnectTimeoutMs = 30_000;
const cancelTimeoutMs = 5000;

/** A session with a server, and the settings that really led to it. */
export interface Connection {
  readonly settings: ConnectionSettings;
  /** Rows of one statement; cells are text unless the type is an integer, boolean or array. */
  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The process id that the server (or what stands before it) named at the start. */
  readonly announcedPid: number | undefined;
  /** Ends the session, and on the server what it is running; resolves when the socket is closed. Never throws. */
  close(): Promise<void>;
}

type Tls = false | { readonly rejectUnauthorized: boolean; readonly [option: string]: unknown };

/** The meaning of libpq's sslmode for the client: which kinds of connection to try, in order. */
function tlsAttempts({ host, parameters }: ConnectionSettings): readonly Tls[] {
  if (host.startsWith('/')) return [false];
  const mode = parameters['sslmode'] ?? 'prefer';
  const file = (keyword: string): Buffer | undefined => {
    const name = parameters[keyword];
    return name === undefined || name === 'system' ? undefined : readFileSync(name);
  };
  const identity = { cert: file('sslcert'), key: file('sslkey') };
  const ca = file('sslrootcert');
  const trusting = { rejectUnauthorized: false, ...identity };
  const checkingAuthority = { rejectUnauthorized: true, ca, checkServerIdentity: () => undefined, ...identity };
  const attempts: Readonly<Record<string, readonly Tls[]>> = {
    disable: [false],
    allow: [false, trusting],
    prefer: [trusting, false],
    require: [ca === undefined ? trusting : checkingAuthority],
    'verify-ca': [checkingAuthority],
    'verify-full': [{ rejectUnauthorized: true, ca, ...identity }],
  };
  const found = attempts[mode];
  if (found) return found;
  throw sourceError('bad-address', { message: `sslmode "${mode}" is none of ${Object.keys(attempts).join(', ')}` });
}

const byState: Readonly<Record<string, { readonly reason: Parameters<typeof sourceError>[0]; readonly hint: string }>> =
  {
    '28P01': { reason: 'authentication', hint: 'Check user and password.' },
    '28000': { reason: 'authentication', hint: 'Check the user and the server’s pg_hba.conf.' },
    '3D000': { reason: 'not-found', hint: 'Check the name of the database.' },
    '42501': { reason: 'access-denied', hint: 'GRANT CONNECT ON DATABASE … to this role.' },
    '08P01': { reason: 'pooler', hint: 'Give the address of the server itself, not of a connection pooler.' },
  };

/** What Node says of a network that does not lead there, in words. */
const networkWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing answers at this port',
  ENOTFOUND: 'this host name is unknown',
  EAI_AGAIN: 'this host name can’t be resolved now',
  EHOSTUNREACH: 'there is no route to this host',
  ENETUNREACH: 'there is no route to this network',
  ECONNRESET: 'the connection was cut',
};

/** What a failed attempt to connect means. */
function connectFailure(error: unknown, settings: ConnectionSettings): HoldfastError {
  const at = `${addressOf(settings)} as "${settings.user}"`;
  const state = systemCode(error) ?? '';
  const words = networkWords[state];
  const why = scrub(messageOf(error));
  const message = `can't connect to PostgreSQL at ${at}: ${words === undefined ? why : `${words} (${state})`}`;
  if (/password must be a (?:non-empty )?string|no password/i.test(why)) {
    return sourceError('authentication', {
      message: `can't connect to PostgreSQL at ${at}: the server asks for a password, and there is none`,
      hint: 'Give a password: in the URL, PGPASSWORD or ~/.pgpass.',
      cause: error,
    });
  }
  const known = why.startsWith('SASL') ? byState['28P01'] : byState[state];
  if (known) return sourceError(known.reason, { message, hint: known.hint, cause: error });
  // What is left is the network, a server that starts or stops (57P03), or one that is full (53300).
  return sourceError('unreachable', {
    message,
    hint: 'Check that the server runs and that its address, port and TLS settings are right.',
    retryable: true,
    cause: error,
  });
}

async function attempt(settings: ConnectionSettings, tls: Tls, signal: AbortSignal): Promise<pg.Client> {
  const seconds = Number(settings.parameters['connect_timeout'] ?? 0);
  // Loaded when it is needed: most runs of the program speak to no server.
  const { Client } = (await import('pg')).default;
  const client = new Client({
    host: settings.host,
    port: settings.port,
    user: settings.user,
    database: settings.database,
    // A function, so that the library doesn't look for a password where we have looked already.
    password: () => settings.password ?? '',
    options: settings.parameters['options'] ?? '',
    ssl: tls,
    application_name: 'holdfast',
    connectionTimeoutMillis: seconds > 0 ? seconds * 1000 : defaultConnectTimeoutMs,
    keepAlive: true,
  });
  client.on('error', () => {}); // an idle session that breaks tells the next query
  // A server that does not answer would not answer a farewell either.
  const { connection } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } };
  const onAbort = (): void => connection.stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.end().catch(() => {});
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const noTls = /does not support SSL/i;

async function connectOnce(settings: ConnectionSettings, signal: AbortSignal): Promise<pg.Client> {
  const attempts = tlsAttempts(settings);
  for (const [index, tls] of attempts.entries()) {
    try {
      return await attempt(settings, tls, signal);
    } catch (error) {
      const more = index < attempts.length - 1;
      const refused = noTls.test(messageOf(error)) || systemCode(error) === '28000';
      if (!more || !refused) throw error;
    }
  }
  throw new Error('no kind of connection to try');
}

/** Stops what a session is running: the server goes on with a query whose client has gone. */
async function cancelQuery(settings: ConnectionSettings, pid: number | undefined): Promise<void> {
  const other = connectionOf(await connectOnce(settings, AbortSignal.timeout(cancelTimeoutMs)), settings);
  await other.query('SELECT pg_catalog.pg_cancel_backend($1)', [pid]).finally(() => void other.close());
}

function connectionOf(client: pg.Client, settings: ConnectionSettings): Connection {
  const announcedPid = (client as unknown as { processID?: number }).processID;
  let running = 0;
  return {
    settings,
    announcedPid,
    query: async <Row>(sql: string, values: readonly unknown[] = []) => {
      running += 1;
      try {
        // Without values the simple protocol is used, which is what poolers and SHOW want.
        return (await (values.length > 0 ? client.query(sql, [...values]) : client.query(sql))).rows as Row[];
      } finally {
        running -= 1;
      }
    },
    close: async () => {
      if (running > 0) await cancelQuery(settings, announcedPid).catch(() => {});
      await client.end().catch(() => {});
    },
  };
}

/** Lifts every limit of time that the server, the role or the database puts on a session. */
export async function liftTimeouts(connection: Connection): Promise<void> {
  await connection.query(
    "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN ('statement_timeout'," +
      " 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')",
  );
}

/** Opens a session with the first of `choices` that answers. Throws source/unreachable, authentication, not-found, … */
export async function connect(choices: readonly ConnectionSettings[], signal: AbortSignal): Promise<Connection> {
  let failure: HoldfastError | undefined;
  for (const settings of choices) {
    signal.throwIfAborted();
    try {
      return connectionOf(await connectOnce(settings, signal), settings);
    } catch (error) {
      signal.throwIfAborted();
      failure = error instanceof HoldfastError ? error : connectFailure(error, settings);
      if (!hasCode(failure, 'source/unreachable')) throw failure;
    }
  }
  throw failure ?? sourceError('bad-address', { message: 'the PostgreSQL address names no host' });
}

/** Like `connect`, but to another database of the same server. */
export function connectTo(settings: ConnectionSettings, database: string, signal: AbortSignal): Promise<Connection> {
  return connect([{ ...settings, database }], signal);
}

/** Runs `work` with a connection and closes it. */
export async function withConnection<Result>(
  opening: Promise<Connection>,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await opening;
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** Quotes a name for SQL. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
