import assert from 'node:assert/strict';
import { chmod, chown, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { connect } from '../../src/source/postgres/connection/connect.ts';
import { connectionSettings } from '../../src/source/postgres/connection/connection-settings.ts';
import { openPostgresSources } from '../../src/source/postgres/index.ts';
import type { SourceEntry } from '../../src/source/index.ts';
import { dumpAll, openSources, readSource } from '../fixtures/postgres-dumps.ts';
import { closedPort, type PostgresServer, runWithInput, serverUser, startPostgres } from '../servers/postgres.ts';
import { postgresBinDir } from '../servers/postgres-versions.ts';

const withCode =
  (code: string, ...words: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.match(`${error.message} ${error.hint}`, word);
    return true;
  };

/** Sessions that our programs have with the server. */
async function sessions(server: PostgresServer): Promise<number> {
  const [row] = await server.query<{ n: string }>(
    'postgres',
    "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name IN ('holdfast', 'pg_dump') AND pid <> pg_backend_pid()",
  );
  return Number(row?.n);
}

async function untilNoSession(server: PostgresServer): Promise<number> {
  let count = await sessions(server);
  for (let tries = 0; count > 0 && tries < 1000; tries += 1) {
    await delay(50);
    count = await sessions(server);
  }
  return count;
}

/** Begins a dump of a database and stops after its first bytes of rows: pg_dump is then in the middle. */
async function beginDump(url: string, format: 'plain' | 'custom', signal: AbortSignal) {
  const [source] = await openSources({ url, format });
  const reading = source!.read({ signal, onProblem() {}, logger: silentLogger });
  const entries = reading.entries[Symbol.asyncIterator]();
  const entry = (await entries.next()).value as SourceEntry;
  const content = entry.open!(signal)[Symbol.asyncIterator]();
  let bytes = 0;
  while (bytes < 1_000_000) bytes += (await content.next()).value!.length;
  const rest = async (): Promise<void> => {
    while (!(await content.next()).done);
    await entries.next();
  };
  return { rest, reading };
}

describe('a dump that goes wrong never looks like one that went well', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
    await server.psql('postgres', 'CREATE DATABASE big; CREATE DATABASE small;');
    await server.psql(
      'big',
      "CREATE TABLE rows AS SELECT g, repeat('x', 1000) AS filler FROM generate_series(1, 60000) g",
    );
    await server.psql('small', "CREATE TABLE t AS SELECT 1 AS one; CREATE ROLE plain LOGIN PASSWORD 'plain-password'");
  });
  after(() => server.stop('immediate'));

  for (const format of ['plain', 'custom'] as const) {
    test(`a server session killed in the middle is source/dump-failed (${format})`, async () => {
      const { rest } = await beginDump(server.url('big'), format, new AbortController().signal);
      await server.query(
        'postgres',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'",
      );
      await assert.rejects(
        rest(),
        withCode('source/dump-failed', /terminating connection|server closed the connection/),
      );
      assert.equal(await untilNoSession(server), 0);
    });
  }

  test('a pg_dump killed by a signal is source/dump-failed', async () => {
    const { rest } = await beginDump(server.url('big'), 'plain', new AbortController().signal);
    for (const pid of await childrenNamed('pg_dump')) process.kill(pid, 'SIGKILL');
    await assert.rejects(rest(), withCode('source/dump-failed', /SIGKILL/));
    assert.equal(await untilNoSession(server), 0);
  });

  test('an abort in the middle leaves neither a program nor a session', async () => {
    const abort = new AbortController();
    const { rest } = await beginDump(server.url('big'), 'plain', abort.signal);
    assert.notEqual((await childrenNamed('pg_dump')).length, 0);
    abort.abort(new Error('stop now'));
    await assert.rejects(rest(), /stop now/);
    assert.deepEqual(await childrenNamed('pg_dump'), []);
    assert.equal(await untilNoSession(server), 0);
  });

  test('an abort ends the count of rows on the server too', async () => {
    const abort = new AbortController();
    await server.psql('small', "CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(30) IS NULL'");
    const connection = await connect(connectionSettings(server.url('small'), {}), abort.signal);
    const counting = connection.query('SELECT slow()').catch((error: Error) => error.message);
    await delay(100);
    await connection.close();
    assert.match((await counting) as string, /cancel|terminated/i);
    assert.equal(await untilNoSession(server), 0);
    await server.psql('small', 'DROP FUNCTION slow()');
  });

  test('a password stands on no command line while a dump runs', async () => {
    const abort = new AbortController();
    const { rest } = await beginDump(server.url('big'), 'plain', abort.signal);
    const lines = await commandLines();
    await rest();
    assert.ok(lines.some(({ line }) => line.includes('pg_dump')));
    for (const { line } of lines) assert.ok(!line.includes(server.password), line);
    for (const { line } of lines) assert.ok(!line.includes(encodeURIComponent(server.password)), line);
  });

  test('a wrong password is source/authentication and is not shown', async () => {
    const url = server.url().replace(encodeURIComponent(server.password), 'not-the-password');
    await assert.rejects(openSources({ url }), (error: HoldfastError) => {
      assert.ok(!error.message.includes('not-the-password'));
      return withCode('source/authentication')(error);
    });
    await assert.rejects(
      openSources({ url: `postgres://postgres@127.0.0.1:${server.port}/small` }),
      withCode('source/authentication'),
    );
  });

  test('a server that is down is source/unreachable', async () => {
    const url = `postgres://postgres@127.0.0.1:${closedPort}/x`;
    await assert.rejects(openSources({ url }), withCode('source/unreachable'));
  });

  test('a database that does not exist is source/not-found, patterns without a match source/no-match', async () => {
    await assert.rejects(openSources({ url: server.url('nowhere') }), withCode('source/not-found', /nowhere/));
    await assert.rejects(
      openSources({ url: server.url(), databases: ['app_*'] }),
      withCode('source/no-match', /app_\*/, /small/),
    );
  });

  test('patterns choose databases, negated ones leave out, and globals come with patterns only', async () => {
    const named = async (databases: string[]): Promise<string[]> =>
      (await openSources({ url: server.url(), databases })).map(({ name }) => name);
    assert.deepEqual(await named(['*', '!b*']), ['globals', 'postgres', 'small']);
    assert.deepEqual(await named(['s?all']), ['globals', 'small']);
    assert.deepEqual(
      (await openSources({ url: server.url('small') })).map(({ name }) => name),
      ['small'],
    );
  });

  test('row security that hides rows fails the dump of an unprivileged role, in clear words', async () => {
    await server.psql(
      'small',
      'CREATE TABLE own (v text); ALTER TABLE own ENABLE ROW LEVEL SECURITY; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain;',
    );
    const url = `postgres://plain:plain-password@127.0.0.1:${server.port}/small`;
    await assert.rejects(dumpAll({ url }), withCode('source/access-denied', /row.(?:level )?security/i));
    await server.psql('small', 'DROP TABLE own; REVOKE ALL ON t FROM plain');
    await assert.rejects(dumpAll({ url }), withCode('source/access-denied', /permission denied/));
  });

  test('role passwords that the server does not show are left out, and the restore point says so', async () => {
    const url = `postgres://plain:plain-password@127.0.0.1:${server.port}/small`;
    const [globals] = await dumpAll({ url, databases: ['nothing', 'small'], globals: true }).catch(async () => {
      const [source] = await openSources({ url, databases: ['small'] });
      return [await readSource(source!)];
    });
    assert.match(globals!.bytes.toString(), /CREATE ROLE plain;/);
    assert.ok(!globals!.bytes.toString().includes('SCRAM-SHA-256'));
    assert.match(globals!.details.notes!.join(), /passwords of the roles are missing/);
  });

  test('a table locked by another session ends the dump after the lock timeout', async () => {
    const holding = server
      .query('small', 'BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(170)')
      .catch(() => {});
    try {
      for (let held = 0; held === 0;) {
        await delay(20);
        held = (
          await server.query(
            'small',
            "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 't'::regclass",
          )
        ).length;
      }
      const [source] = await openSources({ url: server.url('small'), lockWaitTimeoutMs: 200 });
      await assert.rejects(
        readSource(source!),
        withCode('source/dump-failed', /LOCK TABLE public\.t/, /lockWaitTimeoutMs/),
      );
    } finally {
      await server.query(
        'postgres',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(170)%' AND pid <> pg_backend_pid()",
      );
      await holding;
    }
    assert.equal(await untilNoSession(server), 0);
  });

  test('excluded tables are neither dumped nor counted', async () => {
    await server.psql(
      'small',
      'CREATE SCHEMA audit; CREATE TABLE audit.log AS SELECT 1; CREATE TABLE "Log" AS SELECT 1; CREATE TABLE log_1 AS SELECT 1',
    );
    const [dump] = await dumpAll({ url: server.url('small'), excludeTables: ['audit.*', 'log_?', '"Log"'] });
    assert.deepEqual(dump!.details.rowCounts, { 'public.t': 1 });
    assert.ok(!dump!.bytes.toString().includes('CREATE TABLE audit.log'));
  });
});

describe('an encrypted connection', () => {
  let server: PostgresServer;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hf-tls-'));
    const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const files = ['-keyout', key, '-out', certificate, '-days', '2'];
    const made = await runWithInput('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...subject]);
    assert.equal(made.status, 0, made.stderr);
    const user = await serverUser();
    await chmod(folder, 0o755);
    await chmod(key, 0o600);
    if (user.uid !== undefined && user.gid !== undefined) await chown(key, user.uid, user.gid);
    server = await startPostgres({ config: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key } });
  });
  after(async () => {
    await server.stop('immediate');
    await rm(folder, { recursive: true });
  });

  const url = (host: string, parameters: string): string => `${server.url().replace('127.0.0.1', host)}?${parameters}`;

  test('is made as sslmode says, by our queries and by pg_dump', async () => {
    const authority = `sslrootcert=${encodeURIComponent(path.join(folder, 'cert.pem'))}`;
    for (const parameters of [
      'sslmode=disable',
      'sslmode=prefer',
      'sslmode=require',
      `sslmode=verify-ca&${authority}`,
    ]) {
      const [dump] = await dumpAll({ url: url('127.0.0.1', parameters) });
      assert.ok(dump!.bytes.length > 0, parameters);
    }
    assert.ok((await dumpAll({ url: url('localhost', `sslmode=verify-full&${authority}`) }))[0]);
  });

  test('to a server that is not who it should be is refused', async () => {
    const authority = `sslrootcert=${encodeURIComponent(path.join(folder, 'cert.pem'))}`;
    await assert.rejects(
      openSources({ url: url('127.0.0.1', `sslmode=verify-full&${authority}`) }),
      withCode('source/unreachable', /TLS/),
    );
    await assert.rejects(openSources({ url: url('localhost', 'sslmode=verify-full') }), withCode('source/unreachable'));
  });
});

describe('the client programs', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres({ version: 17 });
  });
  after(() => server.stop('immediate'));

  const open = (env: Record<string, string>, binDirs: string[]) =>
    openPostgresSources(
      { type: 'postgres', url: server.url(), binDirs },
      { signal: new AbortController().signal, logger: silentLogger, clock: systemClock, env },
    );

  test('older than the server are refused with both versions and the package to install', async () => {
    const [source] = await open({}, [await postgresBinDir(15)]);
    await assert.rejects(
      readSource(source!),
      withCode('source/tool-too-old', /15\.\d+/, /17\.\d+/, /postgresql-client-17/),
    );
  });

  test('the oldest that is not older than the server is taken, and the details say which', async () => {
    const binDirs = [await postgresBinDir(18), await postgresBinDir(17), await postgresBinDir(15)];
    const [source] = await open({}, binDirs);
    const { details } = await readSource(source!);
    assert.match(details.toolVersions!['pg_dump']!, /^17\./);
    assert.match(details.serverVersion!, /^17\./);
  });

  test('a folder on PATH is looked at', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hf-path-'));
    await symlink(path.join(await postgresBinDir(18), 'pg_dump'), path.join(folder, 'pg_dump'));
    const [source] = await open({ PATH: folder }, []);
    assert.match((await readSource(source!)).details.toolVersions!['pg_dump']!, /^18\./);
    await rm(folder, { recursive: true });
  });
});

async function commandLines(): Promise<{ readonly pid: number; readonly parent: number; readonly line: string }[]> {
  const lines = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]);
    lines.push({ pid: Number(name), parent, line: line.replaceAll('\0', ' ') });
  }
  return lines;
}

/** Our own children, zombies included, that were started as `program`. */
async function childrenNamed(program: string): Promise<number[]> {
  const own = (await commandLines()).filter(({ parent }) => parent === process.pid);
  return own.filter(({ line }) => line === '' || line.includes(`/${program} `)).map(({ pid }) => pid);
}
