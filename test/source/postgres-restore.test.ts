import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { restoreDatabase, type RestoreDatabaseOptions, restoreGlobals } from '../../src/source/postgres/index.ts';
import { dumpAll, inChunks } from '../fixtures/postgres-dumps.ts';
import { type PostgresServer, runWithInput, startPostgres } from '../servers/postgres.ts';
import { postgresBinDir } from '../servers/postgres-versions.ts';

const hasCode =
  (code: string, word = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(`${error.message} ${error.hint}`, word);
    return true;
  };

/** The databases of a server, without its own. */
async function databases(server: PostgresServer): Promise<string[]> {
  const rows = await server.query<{ datname: string }>('postgres', 'SELECT datname FROM pg_database ORDER BY 1');
  return rows.map((row) => row.datname).filter((name) => !/^(?:postgres|template\d)$/.test(name));
}

function restore(
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  options: Partial<RestoreDatabaseOptions> & { url: string },
) {
  const content = bytes instanceof Uint8Array ? inChunks(bytes) : bytes;
  const signal = new AbortController().signal;
  return restoreDatabase(content, {
    originalName: 'shop',
    overwrite: false,
    signal,
    logger: silentLogger,
    clock: systemClock,
    ...options,
  });
}

describe('a restore into a server', () => {
  let server: PostgresServer;
  const dumps: Record<string, Buffer> = {};
  before(async () => {
    server = await startPostgres();
    await server.psql(
      'postgres',
      "CREATE ROLE keeper; CREATE DATABASE shop OWNER keeper; ALTER DATABASE shop SET work_mem = '7MB'",
    );
    await server.psql(
      'shop',
      'CREATE TABLE t AS SELECT g FROM generate_series(1, 500) g; ALTER TABLE t OWNER TO keeper; GRANT SELECT ON t TO PUBLIC',
    );
    for (const format of ['plain', 'custom'] as const) {
      dumps[format] = (await dumpAll({ url: server.url('shop'), format }))[0]!.bytes;
    }
  });
  after(() => server.stop('immediate'));

  for (const format of ['plain', 'custom'] as const) {
    test(`makes a database of another name with the original's owner and settings (${format})`, async () => {
      const { database } = await restore(dumps[format]!, {
        url: server.url('copy'),
        expectedRowCounts: { 'public.t': 500 },
      });
      assert.equal(database, 'copy');
      const [row] = await server.query<{ owner: string }>(
        'copy',
        "SELECT pg_get_userbyid(datdba) AS owner, current_setting('work_mem') AS work_mem FROM pg_database WHERE datname = 'copy'",
      );
      assert.deepEqual({ ...row }, { owner: 'keeper', work_mem: '7MB' });
      await server.query('postgres', 'DROP DATABASE copy');
      assert.deepEqual(await databases(server), ['shop']);
    });

    test(`leaves owners and privileges out when told so (${format})`, async () => {
      await restore(dumps[format]!, { url: server.url('copy'), noOwner: true, noPrivileges: true });
      const [row] = await server.query<object>(
        'copy',
        "SELECT pg_get_userbyid(relowner) AS owner, relacl FROM pg_class WHERE relname = 't'",
      );
      assert.deepEqual({ ...row }, { owner: 'postgres', relacl: null });
      await server.query('postgres', 'DROP DATABASE copy');
    });
  }

  test('refuses an existing database before anything is done', async () => {
    const rows = await server.query('shop', 'SELECT count(*) FROM t');
    await assert.rejects(
      restore(dumps['plain']!, { url: server.url('shop') }),
      hasCode('source/target-exists', /--overwrite/),
    );
    assert.deepEqual(await server.query('shop', 'SELECT count(*) FROM t'), rows);
    assert.deepEqual(await databases(server), ['shop']);
  });

  test('takes the name of the dumped database when the address names none', async () => {
    const url = `postgres://postgres:${encodeURIComponent(server.password)}@127.0.0.1:${server.port}`;
    await assert.rejects(
      restore(dumps['custom']!, { url, originalName: 'other' }),
      hasCode('source/target-exists', /"shop"/),
    );
  });

  test('replaces an existing database only when all is there, although clients are connected to it', async () => {
    await server.psql('postgres', 'CREATE DATABASE live');
    await server.psql('live', 'CREATE TABLE old AS SELECT 1');
    const client = server.query('live', 'SELECT pg_sleep(170)').catch((error: Error) => error.message);
    const connected = "SELECT FROM pg_stat_activity WHERE datname = 'live' AND query LIKE '%pg_sleep%'";
    while ((await server.query('postgres', connected)).length === 0) await delay(20);
    await restore(dumps['plain']!, { url: server.url('live'), overwrite: true });
    assert.match((await client) as string, /terminat/);
    assert.deepEqual({ ...(await server.query<object>('live', 'SELECT count(*)::int AS n FROM t'))[0] }, { n: 500 });
    await server.query('postgres', 'DROP DATABASE live');
    assert.deepEqual(await databases(server), ['shop']);
  });

  const broken: Record<
    string,
    { bytes: () => AsyncIterable<Uint8Array>; code: string; counts?: Record<string, number> }
  > = {
    'SQL that the server refuses': {
      bytes: () =>
        inChunks(Buffer.from(dumps['plain']!.toString().replace('CREATE TABLE public.t', 'CREATE TABLE nowhere.t'))),
      code: 'source/restore-failed',
    },
    'a dump without its end': {
      bytes: () => inChunks(dumps['plain']!.subarray(0, dumps['plain']!.indexOf('\n100\n'))),
      code: 'source/dump-incomplete',
    },
    'an archive without its end': {
      bytes: () => inChunks(dumps['custom']!.subarray(0, dumps['custom']!.length - 800)),
      code: 'source/restore-failed',
    },
    'fewer rows than were dumped': {
      bytes: () => inChunks(dumps['plain']!),
      code: 'source/restore-failed',
      counts: { 'public.t': 501 },
    },
    'a vault that finds damage at the very end': {
      bytes: async function* () {
        yield* inChunks(dumps['plain']!);
        throw new HoldfastError('vault/damaged', { message: 'the hash is wrong' });
      },
      code: 'vault/damaged',
    },
    'a vault that finds damage at the end of an archive': {
      bytes: async function* () {
        yield* inChunks(dumps['custom']!);
        throw new HoldfastError('vault/damaged', { message: 'the hash is wrong' });
      },
      code: 'vault/damaged',
    },
  };
  for (const [what, { bytes, code, counts }] of Object.entries(broken)) {
    test(`leaves the old database as it was, and nothing else, after ${what}`, async () => {
      await server.psql('postgres', 'CREATE DATABASE live');
      await server.psql('live', 'CREATE TABLE old AS SELECT 42 AS n');
      const expected = counts ? { expectedRowCounts: counts } : {};
      await assert.rejects(restore(bytes(), { url: server.url('live'), overwrite: true, ...expected }), hasCode(code));
      assert.deepEqual({ ...(await server.query<object>('live', 'SELECT n FROM old'))[0] }, { n: 42 });
      assert.deepEqual(await databases(server), ['live', 'shop']);
      await server.query('postgres', 'DROP DATABASE live');
    });
  }

  test('that is aborted leaves nothing behind', async () => {
    const abort = new AbortController();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield dumps['plain']!.subarray(0, dumps['plain']!.length - 200);
      abort.abort(new Error('stop now'));
      yield dumps['plain']!.subarray(-200);
    }
    await assert.rejects(restore(slow(), { url: server.url('copy'), signal: abort.signal }), /stop now/);
    assert.deepEqual(await databases(server), ['shop']);
  });

  test('keeps roles that exist and gives them the dumped properties; it tells so', async () => {
    const [globals] = await dumpAll({ url: server.url(), databases: ['shop'] });
    const text = globals!.bytes.toString().replace('CREATE ROLE keeper;', 'CREATE ROLE keeper;\nCREATE ROLE newcomer;');
    const options = { url: server.url(), signal: new AbortController().signal, logger: silentLogger };
    const { notes } = await restoreGlobals(inChunks(Buffer.from(text)), options);
    assert.ok(notes.some((note) => note.includes('"keeper" already exists')));
    assert.equal((await server.query('postgres', "SELECT FROM pg_roles WHERE rolname = 'newcomer'")).length, 1);
    const bad = text.replace('CREATE ROLE newcomer;', 'CREATE ROLE third;\nALTER ROLE nobody_knows LOGIN;');
    await assert.rejects(
      restoreGlobals(inChunks(Buffer.from(bad)), options),
      hasCode('source/restore-failed', /nobody_knows/),
    );
    assert.equal((await server.query('postgres', "SELECT FROM pg_roles WHERE rolname = 'third'")).length, 0);
  });
});

describe('a dump by a newer client', () => {
  test('is restored into the older server that it came from', async () => {
    const server = await startPostgres();
    try {
      const binDir = await postgresBinDir(18);
      await server.psql('postgres', 'CREATE DATABASE shop');
      await server.psql('shop', "CREATE TABLE t AS SELECT 1 AS one; SELECT lo_from_bytea(77, 'abc')");
      for (const format of ['plain', 'custom'] as const) {
        const folder = await mkdtemp(path.join(tmpdir(), 'hf-newer-'));
        const file = path.join(folder, 'dump');
        const dumped = await runWithInput(path.join(binDir, 'pg_dump'), [
          `--format=${format}`,
          `--file=${file}`,
          '-d',
          server.url('shop'),
        ]);
        assert.equal(dumped.status, 0, dumped.stderr);
        await restore(await readFile(file), { url: server.url(`copy_${format}`), binDirs: [binDir] });
        assert.equal((await server.query(`copy_${format}`, "SELECT FROM t WHERE lo_get(77) = 'abc'")).length, 1);
        await rm(folder, { recursive: true });
      }
    } finally {
      await server.stop('immediate');
    }
  });
});
