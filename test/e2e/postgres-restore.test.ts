import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { fillServer, fingerprintDatabase, type DatabaseFingerprint } from '../fixtures/postgres-fixture.ts';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { assertFails, filesIn, holdfast, pointOf, scratchFolder } from './scratch.ts';

let origin: PostgresServer;
let other: PostgresServer;
let vault: string;
let expected: DatabaseFingerprint;
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  [origin, other] = await Promise.all([startPostgres(), startPostgres()]);
  await fillServer(origin);
  expected = await fingerprintDatabase(origin, 'shop');
  vault = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  await holdfast(['backup', origin.url('shop'), '--to', vault]);
});

after(async () => {
  await Promise.all([origin.stop(), other.stop(), ...cleanups.map((clean) => clean())]);
});

async function databasesOf(server: PostgresServer): Promise<string[]> {
  const rows = await server.query<{ datname: string }>('postgres', 'SELECT datname FROM pg_database ORDER BY 1');
  return rows.map(({ datname }) => datname);
}

/** A database with one row that only the old state has. */
async function createOld(server: PostgresServer, name: string): Promise<void> {
  await server.psql('postgres', `CREATE DATABASE ${name}`);
  await server.psql(name, 'CREATE TABLE old_state (v text); INSERT INTO old_state VALUES ($$still here$$);');
}

async function assertOld(server: PostgresServer, name: string, databases: readonly string[]): Promise<void> {
  assert.deepEqual(await server.query(name, 'SELECT v FROM old_state'), [{ v: 'still here' }]);
  assert.deepEqual(await databasesOf(server), databases, 'no other database came or went');
}

/** A copy of the vault whose dump a test may damage. */
async function damagedVault(t: TestContext, damage: (dump: string) => Promise<void>) {
  const copy = await scratchFolder(t);
  await holdfast(['backup', origin.url('shop'), '--to', copy]);
  const dump = (await filesIn(copy)).find((file) => file.endsWith('.sql.gz'));
  await damage(join(copy, dump ?? ''));
  return copy;
}

async function flipByte(file: string): Promise<void> {
  const bytes = await readFile(file);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(file, bytes);
}

async function cutInHalf(file: string): Promise<void> {
  await truncate(file, (await readFile(file)).length >> 1);
}

test('an existing database is replaced only with --overwrite, and then it is the one that was backed up', async () => {
  await origin.psql('shop', 'DROP VIEW reader_view; UPDATE customers SET points = 1; CREATE TABLE newer (n integer)');
  const changed = await fingerprintDatabase(origin, 'shop');
  const before = await databasesOf(origin);
  const args = ['restore', 'latest', '--from', vault, '--to', origin.url('shop')];
  await assertFails(args, { status: 2, says: [/the database "shop" exists/, /--overwrite/] });
  assert.deepEqual(await fingerprintDatabase(origin, 'shop'), changed);
  await holdfast([...args, '--overwrite']);
  assert.deepEqual(await fingerprintDatabase(origin, 'shop'), expected);
  assert.deepEqual(await databasesOf(origin), before);
});

test('a restore that fails half-way leaves the old database as it was', async () => {
  await createOld(other, 'shop');
  const before = await databasesOf(other);
  const args = ['restore', 'latest', '--from', vault, '--to', other.url('shop'), '--overwrite'];
  await assertFails(args, { status: 2, says: [/role "app_owner" does not exist/, /Restore the globals first/] });
  await assertOld(other, 'shop', before);
});

for (const [kind, damage] of [
  ['a flipped byte', flipByte],
  ['a missing half', cutInHalf],
] as const) {
  test(`a dump with ${kind} touches nothing: not the old database, not a table`, async (t) => {
    const copy = await damagedVault(t, damage);
    const name = kind === 'a flipped byte' ? 'flipped' : 'cut';
    await createOld(origin, name);
    const before = await databasesOf(origin);
    const args = ['restore', 'latest', '--from', copy, '--to', origin.url(name)];
    const says = [/shop\.sql\.gz/, /restore another restore point|another restore point/i];
    await assertFails([...args, '--overwrite'], { status: 2, says });
    await assertFails([...args, '--table', 'public.customers'], { status: 2, says });
    await assertOld(origin, name, before);
    assert.deepEqual(
      await origin.query(
        name,
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
      ),
      [{ relname: 'old_state' }],
    );
    await assertFails(['verify', 'latest', '--read-data', '--from', copy], { status: 2, says: [] });
  });
}

test('one table comes back into an existing database with its rows, keys and indexes, and replaces only on demand', async () => {
  await origin.psql('postgres', 'CREATE DATABASE tables');
  await origin.psql(
    'tables',
    'CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TABLE untouched (n integer); INSERT INTO untouched VALUES (7)',
  );
  const args = ['restore', 'latest', '--from', vault, '--to', origin.url('tables'), '--table', 'parent_things'];
  await holdfast(args);
  assert.deepEqual(await origin.query('tables', 'SELECT * FROM ONLY parent_things'), [{ id: 1, name: 'p' }]);
  await origin.query('tables', "UPDATE parent_things SET name = 'changed'");
  await assertFails(args, { status: 2, says: [/parent_things exists in the database "tables"/, /--overwrite/] });
  assert.deepEqual(await origin.query('tables', 'SELECT name FROM parent_things'), [{ name: 'changed' }]);
  await holdfast([...args, '--overwrite']);
  assert.deepEqual(await origin.query('tables', 'SELECT name FROM parent_things'), [{ name: 'p' }]);
  await assert.rejects(origin.query('tables', "INSERT INTO parent_things VALUES (1, 'twice')"), /parent_things_pkey/);
  assert.deepEqual(await origin.query('tables', 'SELECT n FROM untouched'), [{ n: 7 }]);
});

test('a table that the dump does not have is named, with the ones that look like it', async () => {
  await createOld(origin, 'unknown_table');
  const before = await databasesOf(origin);
  const args = ['restore', 'latest', '--from', vault, '--to', origin.url('unknown_table'), '--table', 'costumers'];
  await assertFails(args, { status: 2, says: [/costumers/, /public\.customers/] });
  await assertOld(origin, 'unknown_table', before);
});

test('a table can’t be restored into a database that does not exist', async () => {
  const args = ['restore', 'latest', '--from', vault, '--to', origin.url('nowhere'), '--table', 'customers'];
  await assertFails(args, { status: 2, says: [/"nowhere" does not exist/, /name of the database/] });
});

test('a database that is called "globals" comes back as a database', async (t) => {
  const own = await scratchFolder(t);
  await createOld(origin, 'globals');
  await holdfast(['backup', origin.url('globals'), '--to', own]);
  const id = await pointOf('globals', own);
  await holdfast(['restore', id, '--from', own, '--to', origin.url('globals_again')]);
  assert.deepEqual(await origin.query('globals_again', 'SELECT v FROM old_state'), [{ v: 'still here' }]);
});

test('files do not go into a database, nor a database into --include', async (t) => {
  const [folder, own] = [await scratchFolder(t), await scratchFolder(t)];
  await writeFile(join(folder, 'a'), 'a');
  await holdfast(['backup', folder, '--to', own]);
  const to = ['--to', origin.url('files')];
  await assertFails(['restore', 'latest', '--from', own, ...to], {
    status: 1,
    says: [/holds a directory/, /--target DIR/],
  });
  await assertFails(['restore', 'latest', '--from', vault, ...to, '--include', 'x'], { status: 1, says: [/--table/] });
  assert.ok(!(await databasesOf(origin)).includes('files'));
});
