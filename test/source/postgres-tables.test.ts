import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { HoldfastError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { restoreTables } from '../../src/source/postgres/index.ts';
import { dumpAll, inChunks } from '../fixtures/postgres-dumps.ts';
import { fillServer } from '../fixtures/postgres-fixture.ts';
import { type PostgresServer, startPostgres } from '../servers/postgres.ts';

const hasCode =
  (code: string, ...words: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.match(`${error.message} ${error.hint}`, word);
    return true;
  };

/** A vault that finds damage at the very end. */
async function* damaged(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* inChunks(bytes);
  throw new HoldfastError('vault/damaged', { message: 'the hash is wrong' });
}

/** What hangs on a table, as the catalog says it. */
const description = (table: string): string => `
  SELECT (SELECT json_agg(x ORDER BY attname) FROM (SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, attidentity, attgenerated,
      pg_get_expr(adbin, adrelid) AS value, attacl::text, col_description(attrelid, attnum) FROM pg_attribute
      LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = t AND attnum > 0) x) AS columns,
    (SELECT json_agg(pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint WHERE conrelid = t) AS constraints,
    (SELECT json_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = t) AS indexes,
    (SELECT json_agg(pg_get_triggerdef(oid) ORDER BY tgname) FROM pg_trigger WHERE tgrelid = t AND NOT tgisinternal) AS triggers,
    (SELECT json_agg(polname ORDER BY polname) FROM pg_policy WHERE polrelid = t) AS policies,
    (SELECT json_agg(pg_get_statisticsobjdef(oid)) FROM pg_statistic_ext WHERE stxrelid = t) AS statistics,
    (SELECT json_build_array(relowner::regrole, relacl::text, relrowsecurity, relkind, relpersistence) FROM pg_class WHERE oid = t) AS relation,
    obj_description(t, 'pg_class') AS comment
  FROM (SELECT '${table}'::regclass::oid AS t) AS one`;

describe('single tables out of a dump', () => {
  let server: PostgresServer;
  const dumps: Record<string, Buffer> = {};
  before(async () => {
    server = await startPostgres();
    await fillServer(server);
    for (const format of ['plain', 'custom'] as const) {
      dumps[format] = (await dumpAll({ url: server.url('shop'), format }))[0]!.bytes;
    }
  });
  after(() => server.stop('immediate'));

  const extensions = 'CREATE EXTENSION hstore; CREATE EXTENSION citext;';
  const types = `${extensions} CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine"'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TYPE pair AS (a integer, b text); CREATE FUNCTION atomic_sum(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT a + b; END;`;

  async function inFreshDatabase(sql: string, work: (url: string) => Promise<void>): Promise<void> {
    await server.psql('postgres', 'CREATE DATABASE spare TEMPLATE template0');
    try {
      await server.psql('spare', sql);
      await work(server.url('spare'));
    } finally {
      await server.query('postgres', 'DROP DATABASE spare WITH (FORCE)');
    }
  }

  const restore = (format: string, url: string, tables: string[], overwrite = false) =>
    restoreTables(inChunks(dumps[format]!), {
      url,
      tables,
      overwrite,
      signal: new AbortController().signal,
      logger: silentLogger,
    });

  for (const format of ['plain', 'custom'] as const) {
    test(`come with all that belongs to them (${format})`, async () => {
      await inFreshDatabase(types, async (url) => {
        const { notes } = await restore(format, url, ['customers']);
        assert.deepEqual(notes, []);
        const described = description('public.customers');
        assert.deepEqual(await server.query('spare', described), await server.query('shop', described));
        const rows = "SELECT md5(string_agg(c::text, E'\\n' ORDER BY id)) AS hash FROM public.customers c";
        assert.deepEqual(await server.query('spare', rows), await server.query('shop', rows));
        const [next] = await server.query<{ id: number }>(
          'spare',
          "SELECT nextval('public.customers_id_seq')::int AS id",
        );
        assert.equal(next?.id, 1001);
        const tables = await server.query(
          'spare',
          "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r','S','v','m') ORDER BY 1",
        );
        assert.deepEqual(
          tables.map((row) => row['relname']),
          ['customers', 'customers_id_seq'],
        );
      });
    });

    test(`bring their partitions, and leave out foreign keys and triggers that can't stand, saying so (${format})`, async () => {
      await inFreshDatabase('SELECT 1', async (url) => {
        const { notes } = await restore(format, url, ['public.orders']);
        assert.ok(
          notes.some((note) => /foreign key of public\.orders.*public\.customers/.test(note)),
          notes.join(),
        );
        assert.ok(
          notes.some((note) => /trigger of public\.orders.*public\.touch/.test(note)),
          notes.join(),
        );
        const rows =
          "SELECT md5(string_agg(o::text, E'\\n' ORDER BY id)) AS hash, count(DISTINCT tableoid)::int AS parts FROM public.orders o";
        assert.deepEqual(await server.query('spare', rows), await server.query('shop', rows));
        const indexes =
          "SELECT indexrelid::regclass::text AS name, indisvalid FROM pg_index JOIN pg_class ON oid = indrelid WHERE relname LIKE 'orders%' ORDER BY 1";
        assert.deepEqual(await server.query('spare', indexes), await server.query('shop', indexes));
      });
    });
  }

  test('keep foreign keys among themselves', async () => {
    await inFreshDatabase(
      `${types} CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';`,
      async (url) => {
        const { notes } = await restore('plain', url, ['orders', 'customers']);
        assert.deepEqual(notes, []);
        assert.deepEqual(
          await server.query('spare', description('public.orders')),
          await server.query('shop', description('public.orders')),
        );
      },
    );
  });

  for (const name of [
    '"odd schema"."-dash"',
    '"odd schema"."a""b.c"',
    '"Tä""b\nle"',
    'Tä"b\nle',
    'counted',
    'SECRETS',
    'public.parent_things',
  ]) {
    test(`are found by name: ${JSON.stringify(name)}`, async () => {
      await inFreshDatabase('SELECT 1', async (url) => {
        await restore('plain', url, [name]);
        const names = await server.query<{ name: string }>(
          'spare',
          "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND oid >= 16384",
        );
        assert.equal(names.length, 1);
        const table = names[0]!.name;
        const qualified = table.includes('.') ? table : `public.${table}`;
        const rows = `SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C")) AS hash FROM ONLY ${qualified} t`;
        assert.deepEqual(await server.query('spare', rows), await server.query('shop', rows));
        const described = description(qualified.replaceAll("'", "''"));
        assert.deepEqual(await server.query('spare', described), await server.query('shop', described));
      });
    });
  }

  test('that the dump does not have are named, with those that look alike', async () => {
    await inFreshDatabase('SELECT 1', async (url) => {
      await assert.rejects(
        restore('plain', url, ['custommers']),
        hasCode('source/table-not-found', /custommers/, /public\.customers/),
      );
      await assert.rejects(restore('custom', url, ['nix']), hasCode('source/table-not-found'));
    });
  });

  test('that exist are refused, replaced only when allowed, and keys of other tables to them stay', async () => {
    const existing = `${types} CREATE TABLE customers (id integer PRIMARY KEY); INSERT INTO customers VALUES (1), (2);
      CREATE TABLE "my refs" (c integer CONSTRAINT "Ref ü" REFERENCES customers ON DELETE CASCADE); INSERT INTO "my refs" VALUES (2);`;
    await inFreshDatabase(existing, async (url) => {
      await assert.rejects(restore('plain', url, ['customers']), hasCode('source/target-exists', /public\.customers/));
      await restore('plain', url, ['customers'], true);
      const [row] = await server.query<object>(
        'spare',
        "SELECT (SELECT count(*)::int FROM customers) AS n, pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE conname = 'Ref ü'",
      );
      assert.deepEqual({ ...row }, { n: 1000, def: 'FOREIGN KEY (c) REFERENCES customers(id) ON DELETE CASCADE' });
      await server.psql(
        'spare',
        'ALTER TABLE "my refs" DROP CONSTRAINT "Ref ü"; INSERT INTO "my refs" VALUES (5000); DELETE FROM customers WHERE id > 3;',
      );
      await server.psql(
        'spare',
        'ALTER TABLE "my refs" ADD CONSTRAINT late FOREIGN KEY (c) REFERENCES customers NOT VALID',
      );
      await assert.doesNotReject(restore('plain', url, ['customers'], true));
      await server.psql('spare', 'CREATE VIEW uses AS SELECT id FROM customers; DELETE FROM customers WHERE id > 3');
      await assert.rejects(restore('plain', url, ['customers'], true), hasCode('source/target-exists', /uses/));
      assert.equal((await server.query('spare', 'SELECT FROM customers')).length, 3);
    });
  });

  test('are all there or none: a failure, of the vault too, changes nothing', async () => {
    await inFreshDatabase('SELECT 1', async (url) => {
      const options = { url, overwrite: false, signal: new AbortController().signal, logger: silentLogger };
      await assert.rejects(
        restoreTables(damaged(dumps['plain']!), { ...options, tables: ['parent_things'] }),
        hasCode('vault/damaged'),
      );
      await assert.rejects(
        restore('plain', url, ['parent_things', 'customers']),
        hasCode('source/restore-failed', /mood|citext|hstore/),
      );
      assert.equal(
        (await server.query('spare', "SELECT FROM pg_class WHERE relkind = 'r' AND oid >= 16384")).length,
        0,
      );
    });
  });
});
