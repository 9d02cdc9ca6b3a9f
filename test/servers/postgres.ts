import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, type ClientConfig } from 'pg';
import { postgresBinDir, type PostgresMajor } from './postgres-versions.ts';

const run = promisify(execFile);

/** The superuser's; with characters that URLs and shells stumble over. */
const password = `postgres: p@ss/w%rd ${randomBytes(6).toString('hex')}`;

/** A user other than root: PostgreSQL refuses to run as root. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

export interface StartPostgresOptions {
  /** Default 15. */
  readonly version?: PostgresMajor;
  /** Lines for postgresql.conf: { max_connections: '20' }. */
  readonly config?: Readonly<Record<string, string>>;
  /** More arguments for initdb. */
  readonly initdb?: readonly string[];
}

export interface PsqlResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A PostgreSQL server of our own. Over TCP it wants a password (scram), by its socket it trusts everyone. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly socketDir: string;
  readonly dataDir: string;
  readonly binDir: string;
  readonly version: PostgresMajor;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  /** A URL with the superuser's password over TCP. */
  url(database?: string): string;
  /** The rows of one query, as the superuser. Several statements in one text are one transaction. */
  query<Row = Record<string, unknown>>(database: string, sql: string, values?: unknown[]): Promise<Row[]>;
  /** Runs psql as the superuser with `input` on its standard input; rejects unless it exits with 0. */
  psql(database: string, input: string, args?: readonly string[]): Promise<string>;
  /** What the server has logged. */
  log(): Promise<string>;
  /** Ends the server and removes its files. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

/**
 * A port at which nothing answers: no system gives it to whoever asks for any, as it does a port that was free a moment
 * ago, and it is none of those that an HTTP client refuses by itself.
 */
export const closedPort = 4;

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Whom to run a server as: ourselves, or when we are root the user "postgres", else "nobody". */
export async function serverUser(): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const fields = /^[^:]+:[^:]*:(\d+):(\d+):/.exec(
      await run('getent', ['passwd', name]).then(
        ({ stdout }) => stdout,
        () => '',
      ),
    );
    if (fields) return { uid: Number(fields[1]), gid: Number(fields[2]) };
  }
  throw new Error('neither a user "postgres" nor "nobody" on this machine');
}

/** Runs a program with `input`; never rejects for its exit status. */
export async function runWithInput(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<PsqlResult> {
  const child = spawn(program, args, { env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => {}); // it may end before it has read everything; its status tells
  child.stdin.end(options.input ?? '');
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

async function createCluster(folder: string, binDir: string, options: StartPostgresOptions): Promise<string> {
  const owner = await serverUser();
  const dataDir = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o644 });
  const args = ['-D', dataDir, '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '--auth-local=trust'];
  args.push('--auth-host=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync', ...(options.initdb ?? []));
  await run(path.join(binDir, 'initdb'), args, { ...owner, cwd: folder });
  return dataDir;
}

async function configure(
  server: { dataDir: string; port: number; socketDir: string },
  config: Readonly<Record<string, string>>,
): Promise<void> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(server.port),
    unix_socket_directories: server.socketDir,
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    jit: 'off',
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    log_min_messages: 'warning',
    ...config,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`);
  await appendFile(path.join(server.dataDir, 'postgresql.conf'), lines.join(''));
}

async function untilReady(child: ChildProcess, settings: ClientConfig, logText: () => string): Promise<void> {
  for (let tries = 0; tries < 2400; tries += 1) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const client = new Client(settings);
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await delay(50);
    }
  }
  child.kill('SIGQUIT');
  throw new Error(`PostgreSQL did not start: ${logText()}`);
}

/** Starts the postmaster of an existing cluster in the foreground; its pid is the server's. */
export async function launch(binDir: string, dataDir: string): Promise<{ child: ChildProcess; log: () => string }> {
  const owner = await serverUser();
  const child = spawn(path.join(binDir, 'postgres'), ['-D', dataDir], {
    ...owner,
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    (stream as unknown as { unref?: () => void } | null)?.unref?.();
  }
  child.unref();
  const endWithUs = (): void => void child.kill('SIGQUIT');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  return { child, log: () => text };
}

async function stopServer(child: ChildProcess, mode: 'fast' | 'immediate', folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.ref();
    const ended = once(child, 'exit');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}

interface Cluster {
  readonly folder: string;
  readonly dataDir: string;
  readonly binDir: string;
  readonly version: PostgresMajor;
  readonly config: Readonly<Record<string, string>>;
}

/** A temporary folder that belongs to the server's user. */
async function serverFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hf-pg-'));
  const owner = await serverUser();
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(folder, owner.uid, owner.gid);
  await chmod(folder, 0o755);
  return folder;
}

const user = 'postgres';

/** Starts the server of a cluster at a free port; at another one when somebody was faster to take it. */
async function launchAtFreePort({ folder, dataDir, binDir, config }: Cluster) {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    await configure({ dataDir, port, socketDir: folder }, config);
    const { child, log } = await launch(binDir, dataDir);
    try {
      await untilReady(child, { host: folder, port, user, password, database: 'postgres' }, log);
      return { port, child, log };
    } catch (error) {
      if (tries === 5 || !log().includes('Address already in use')) throw error;
    }
  }
}

/** Starts the server of a cluster that has been made in `folder`. */
async function serve(cluster: Cluster): Promise<PostgresServer> {
  const { folder, dataDir, binDir, version } = cluster;
  const { port, child, log } = await launchAtFreePort(cluster);
  const login = (database: string): ClientConfig => ({ host: folder, port, user, password, database });
  return {
    host: '127.0.0.1',
    port,
    socketDir: folder,
    dataDir,
    binDir,
    version,
    user,
    password,
    pid: child.pid ?? 0,
    url: (database = 'postgres') =>
      `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    query: async <Row>(database: string, sql: string, values?: unknown[]) => {
      const client = new Client(login(database));
      client.on('error', () => {});
      await client.connect();
      try {
        return (await client.query(sql, values)).rows as Row[];
      } finally {
        await client.end();
      }
    },
    psql: async (database, input, args = []) => {
      const env = { ...process.env, PGHOST: folder, PGPORT: String(port), PGUSER: user, PGDATABASE: database };
      const program = path.join(binDir, 'psql');
      const result = await runWithInput(program, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...args], { env, input });
      if (result.status !== 0) throw new Error(`psql exited with ${result.status}: ${result.stderr}`);
      return result.stdout;
    },
    log: () => Promise.resolve(log()),
    stop: (mode = 'fast') => stopServer(child, mode, folder),
  };
}

/** Creates and starts a server in a temporary folder: unix socket and loopback on a free port, nothing flushed. */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  const version = options.version ?? 15;
  const binDir = await postgresBinDir(version);
  const folder = await serverFolder();
  const dataDir = await createCluster(folder, binDir, options);
  return serve({ folder, dataDir, binDir, version, config: options.config ?? {} });
}

/** Starts a standby of `primary`, which must have wal_level replica or higher. */
export async function startStandby(primary: PostgresServer): Promise<PostgresServer> {
  const { binDir, version, socketDir, port } = primary;
  const folder = await serverFolder();
  const dataDir = path.join(folder, 'data');
  const args = ['-D', dataDir, '-h', socketDir, '-p', String(port), '-U', 'postgres', '-R', '-c', 'fast', '--no-sync'];
  await run(path.join(binDir, 'pg_basebackup'), args, { ...(await serverUser()), cwd: folder });
  return serve({ folder, dataDir, binDir, version, config: {} });
}
