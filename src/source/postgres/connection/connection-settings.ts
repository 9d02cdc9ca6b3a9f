import { readFileSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import { systemCode } from '../../../base/errors.ts';
import { registerSecret } from '../../../base/secrets.ts';
import { sourceError } from '../../errors.ts';
import { foreignKeywords, libpqKeywords } from './connection-keywords.ts';

/** Where a server is and how to log in. `parameters` are libpq's other keywords ("sslmode", "options", …). */
export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  readonly parameters: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** libpq's environment variables and the keywords that they stand for. */
const variables: Readonly<Record<string, string>> = {
  PGHOST: 'host',
  PGPORT: 'port',
  PGUSER: 'user',
  PGDATABASE: 'dbname',
  PGPASSWORD: 'password',
  PGPASSFILE: 'passfile',
  PGSSLMODE: 'sslmode',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLROOTCERT: 'sslrootcert',
  PGOPTIONS: 'options',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
};

const badAddress = (message: string, hint?: string): never => {
  throw sourceError('bad-address', {
    message,
    hint: hint ?? 'Write it as postgres://user:password@host:5432/database, with special characters percent-encoded.',
  });
};

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return badAddress(`the ${what} of the PostgreSQL address has a "%" that begins no percent-encoding`);
  }
}

/** "host1:5432,[::1]:5433" as libpq's two lists. */
function splitHosts(text: string): { readonly host?: string; readonly port?: string } {
  if (text === '') return {};
  const hosts: string[] = [];
  const ports: string[] = [];
  for (const part of text.split(',')) {
    const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(part);
    if (!found) badAddress(`"${decode(part, 'host')}" in the PostgreSQL address is no host, nor host:port`);
    hosts.push(decode((found?.[1] ?? '').replace(/^\[(.*)\]$/, '$1'), 'host'));
    ports.push(found?.[2] ?? '');
  }
  const port = ports.some((value) => value !== '') ? { port: ports.join(',') } : {};
  return hosts.some((value) => value !== '') ? { host: hosts.join(','), ...port } : port;
}

/** "name=value&name=value", as keywords of libpq. */
function splitParameters(query: string): Record<string, string> {
  const keywords: Record<string, string> = {};
  for (const pair of query === '' ? [] : query.split('&')) {
    const [encoded = '', ...rest] = pair.split('=');
    const name = decode(encoded, 'parameters');
    const value = decode(rest.join('='), 'parameters');
    if (name === 'ssl' && value === 'true') keywords['sslmode'] = 'require';
    else if (libpqKeywords.has(name)) keywords[name] = value;
    else if (!foreignKeywords.has(name)) badAddress(`the PostgreSQL address has an unknown parameter "${name}"`);
  }
  return keywords;
}

/** "user:password". */
function splitLogin(login: string): { readonly user?: string; readonly password?: string } {
  const colon = login.indexOf(':');
  const user = colon < 0 ? login : login.slice(0, colon);
  return {
    ...(user === '' ? {} : { user: decode(user, 'user name') }),
    ...(colon < 0 ? {} : { password: decode(login.slice(colon + 1), 'password') }),
  };
}

/**
 * Reads a connection URI as libpq does (PostgreSQL manual, "Connection URIs"): postgres:// or postgresql://, several
 * hosts, a percent-encoded socket directory as host, parameters behind "?". Returns libpq's keywords.
 * Throws source/bad-address, without quoting the password.
 */
export function parseConnectionUri(uri: string): Readonly<Record<string, string>> {
  const scheme = /^postgres(?:ql)?:\/\//.exec(uri)?.[0];
  if (!scheme) return badAddress('a PostgreSQL address begins with postgres:// or postgresql://');
  const [beforeQuery = '', ...queries] = uri.slice(scheme.length).split('?');
  const slash = beforeQuery.indexOf('/');
  const authority = slash < 0 ? beforeQuery : beforeQuery.slice(0, slash);
  const database = slash < 0 ? '' : beforeQuery.slice(slash + 1);
  const at = authority.lastIndexOf('@');
  const keywords: Record<string, string> = {
    ...splitHosts(authority.slice(at + 1)),
    ...splitLogin(at < 0 ? '' : authority.slice(0, at)),
  };
  if (database) keywords['dbname'] = decode(database, 'database name');
  return { ...keywords, ...splitParameters(queries.join('?')) };
}

/** Splits one line of a password file at its colons; "\:" and "\\" stand for themselves. */
function passwordFields(line: string): string[] {
  const fields = [''];
  for (const [piece] of line.matchAll(/\\.|[^\\]|\\$/gs)) {
    if (piece === ':') fields.push('');
    else fields[fields.length - 1] += piece.length === 2 && piece.startsWith('\\') ? piece.slice(1) : piece;
  }
  return fields;
}

function passwordFromFile(file: string, settings: Omit<ConnectionSettings, 'password'>): string | undefined {
  let text: string;
  try {
    // Like libpq: a file that others can read is no place for a password, and is not used.
    if ((statSync(file).mode & 0o077) !== 0) return undefined;
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EACCES') return undefined;
    throw error;
  }
  const host = settings.host.startsWith('/') ? 'localhost' : settings.host;
  const wanted = [host, String(settings.port), settings.database, settings.user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = passwordFields(line);
    if (fields.length >= 5 && wanted.every((value, index) => fields[index] === '*' || fields[index] === value)) {
      return fields[4];
    }
  }
  return undefined;
}

function numberOf(text: string): number {
  const port = Number(text === '' ? '5432' : text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) badAddress(`"${text}" is no port of a PostgreSQL server`);
  return port;
}

/** libpq's default for the host: the socket directory of Debian or of PostgreSQL itself, else loopback. */
function defaultHost(port: string): string {
  for (const folder of ['/var/run/postgresql', '/tmp']) {
    if (statSync(path.join(folder, `.s.PGSQL.${port === '' ? '5432' : port}`), { throwIfNoEntry: false })) {
      return folder;
    }
  }
  return 'localhost';
}

const elsewhere = new Set(['host', 'port', 'user', 'dbname', 'password', 'passfile']);

/**
 * All ways to reach the server that `url`, or without one libpq's environment, names: one per host, in order. What the
 * address leaves open comes from the environment, a password from PGPASSWORD, PGPASSFILE or ~/.pgpass.
 */
export function connectionSettings(url: string | undefined, env: Environment): readonly ConnectionSettings[] {
  const given = url === undefined ? {} : parseConnectionUri(url);
  if (given['service'] ?? env['PGSERVICE']) {
    badAddress('connection services (pg_service.conf) are not supported', 'Write the address as a URL.');
  }
  if (given['sslpassword']) badAddress('"sslpassword" is not supported', 'Use a client key without a passphrase.');
  const keywords: Record<string, string> = {};
  for (const [name, keyword] of Object.entries(variables)) {
    const value = env[name];
    if (value) keywords[keyword] = value;
  }
  Object.assign(keywords, given);
  const user = keywords['user'] ?? userInfo().username;
  const database = keywords['dbname'] ?? user;
  const ports = (keywords['port'] ?? '').split(',');
  const parameters = Object.fromEntries(Object.entries(keywords).filter(([keyword]) => !elsewhere.has(keyword)));
  const file = keywords['passfile'] ?? path.join(homedir(), '.pgpass');
  return (keywords['host'] ?? '').split(',').map((name, index) => {
    const port = ports[index] ?? ports[0] ?? '';
    const host = name === '' ? defaultHost(port) : name;
    const settings = { host, port: numberOf(port), user, database, parameters };
    const password = keywords['password'] ?? passwordFromFile(file, settings);
    return password === undefined ? settings : { ...settings, password: registerSecret(password) };
  });
}

const quoted = (value: string): string => `'${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`;

/**
 * The connection as a conninfo string for PostgreSQL's programs: without the password, which `toolEnvironment` hands
 * over, since every user of the machine can read a command line.
 */
export function connectionString(settings: ConnectionSettings): string {
  const { host, port, user, database, parameters } = settings;
  const keywords = { ...parameters, host, port: String(port), user, dbname: database };
  return Object.entries(keywords)
    .map(([keyword, value]) => `${keyword}=${quoted(value)}`)
    .join(' ');
}

/** The environment for PostgreSQL's programs: ours without libpq's variables, and the password. Messages in English. */
export function toolEnvironment(settings: ConnectionSettings, env: Environment): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name]) => !(name in variables) && name !== 'PGSERVICE');
  const password = settings.password === undefined ? {} : { PGPASSWORD: settings.password };
  // Without a password at hand a program must not find another one than we did: PGPASSFILE names nothing.
  return {
    ...Object.fromEntries(kept),
    PGPASSFILE: '/dev/null/none', // libpq passes over what does not exist, and warns of what is no plain file

    LC_ALL: 'C.UTF-8',
    ...password,
  };
}

/** "host:port/database" for people. */
export function addressOf({ host, port, database }: Omit<ConnectionSettings, 'parameters'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}
