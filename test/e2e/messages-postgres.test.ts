import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { closedPort, startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { runHoldfast } from './holdfast.ts';
import { assertFailed, assertFails, assertForUsers, filesIn, holdfast, scratchFolder } from './scratch.ts';
import { noPostgresClients, withMounts } from './wrapped.ts';

let server: PostgresServer;
let newer: PostgresServer;
let vault: string;
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  [server, newer] = await Promise.all([startPostgres(), startPostgres({ version: 18 })]);
  vault = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  await server.psql('postgres', 'CREATE DATABASE shop; CREATE DATABASE scratch;');
  await server.psql('postgres', "CREATE ROLE reader LOGIN PASSWORD 'reader'");
  await server.psql(
    'shop',
    'CREATE TABLE users (id integer); CREATE TABLE mine (id integer); ALTER TABLE mine ENABLE ROW LEVEL SECURITY; GRANT SELECT ON mine TO reader',
  );
  await server.psql(
    'scratch',
    'CREATE TABLE mine (id integer); ALTER TABLE mine ENABLE ROW LEVEL SECURITY; GRANT SELECT ON mine TO reader',
  );
  await holdfast(['backup', server.url('shop'), '--to', vault]);
});

after(async () => {
  await Promise.all([server.stop(), newer.stop(), ...cleanups.map((clean) => clean())]);
});

const at = (login: string, database: string, port = server.port): string =>
  `postgres://${login}@127.0.0.1:${port}/${database}`;

interface Case {
  readonly what: string;
  readonly url: () => string;
  readonly says: readonly RegExp[];
  readonly status?: number;
}

const connecting: readonly Case[] = [
  {
    what: 'a wrong password',
    url: () => at('postgres:wrong', 'shop'),
    says: [/password authentication failed for user "postgres"/, /Check user and password/],
  },
  {
    what: 'no password where one is asked for',
    url: () => at('postgres', 'shop'),
    says: [/the server asks for a password, and there is none/, /in the URL, PGPASSWORD or ~\/\.pgpass/],
  },
  {
    what: 'a user that there is not',
    url: () => at('nobody:secret', 'shop'),
    says: [/as "nobody"/, /Check user and password/],
  },
  {
    what: 'a server that is down',
    url: () => at('postgres:x', 'shop', closedPort),
    says: [/nothing answers at this port \(ECONNREFUSED\)/, /Check that the server runs/],
  },
  {
    what: 'a host that nobody knows',
    url: () => 'postgres://postgres:x@no-such-host.invalid/shop',
    says: [/no-such-host\.invalid:5432/, /this host name is unknown/, /address/],
  },
  {
    what: 'a port that is none',
    url: () => 'postgres://postgres@127.0.0.1:70000/shop',
    says: [/"70000" is no port/],
    status: 1,
  },
  {
    what: 'a stray percent sign',
    url: () => 'postgres://postgres:50%zz@127.0.0.1/shop',
    says: [/the password of the PostgreSQL address has a "%"/, /percent-encoded/],
    status: 1,
  },
];

for (const { what, url, says, status = 2 } of connecting)
  test(`${what} is told, for a backup and for a restore, and nothing is left`, async (t) => {
    const folder = await scratchFolder(t);
    const address = url();
    await assertFails(['backup', address, '--to', folder], { status, says });
    await assertFails(['restore', 'latest', '--from', vault, '--to', address], { status, says });
    assert.deepEqual(await filesIn(folder), []);
  });

test('a database that does not exist, or a pattern that fits none, is answered with a name to check or with those there', async (t) => {
  const folder = await scratchFolder(t);
  await assertFails(['backup', server.url('shpo'), '--to', folder], {
    status: 2,
    says: [/database "shpo" does not exist/, /Check the name of the database/],
  });
  await assertFails(['backup', server.url(''), '--databases', 'zzz*', '--to', folder], {
    status: 2,
    says: [/none of the 3 databases .* matches zzz\*/, /There are: postgres, scratch, shop/],
  });
  assert.deepEqual(await filesIn(folder), []);
});

test('a role that may not read everything is told what it lacks, and no part of the dump is kept', async (t) => {
  const folder = await scratchFolder(t);
  await assertFails(['backup', at('reader:reader', 'shop'), '--to', folder], {
    status: 2,
    says: [/permission denied for table users/, /pg_read_all_data/],
  });
  await assertFails(['backup', at('reader:reader', 'scratch'), '--to', folder], {
    status: 2,
    says: [/row-level security/, /BYPASSRLS/],
  });
  assert.deepEqual(await filesIn(folder), []);
});

test('without PostgreSQL’s programs it is said what to install, and nothing is left', async (t) => {
  const folder = await scratchFolder(t);
  const backup = await withMounts(noPostgresClients, ['backup', server.url('shop'), '--to', folder], {});
  assertFailed(backup, { status: 2, says: [/pg_dump is not installed/, /apt install postgresql-client-15/] });
  assert.deepEqual(await filesIn(folder), []);
  const to = server.url('restored');
  const restore = await withMounts(noPostgresClients, ['restore', 'latest', '--from', vault, '--to', to], {});
  assertFailed(restore, { status: 2, says: [/psql is not installed/, /apt install postgresql-client-15/] });
  const names = await server.query('postgres', "SELECT datname FROM pg_database WHERE datname LIKE 'restored%'");
  assert.deepEqual(names, [], 'no temporary database is left');
});

test('doctor names every program that is missing, and what is lost without it', async () => {
  const result = await withMounts(noPostgresClients, ['doctor'], {});
  assert.equal(result.status, 0, result.stderr);
  for (const program of ['pg_dump', 'pg_restore', 'psql', 'setfattr', 'mknod'])
    assert.match(result.stdout, new RegExp(`WARN {2}${program}: not installed: .+\\n +apt install \\S+`));
});

test('a server that is newer than every pg_dump is told, with the package to install', async (t) => {
  const folder = await scratchFolder(t);
  const [old, kept] = [join(folder, 'old'), join(folder, 'vault')];
  await mkdir(old);
  const onlyOld = `mount --bind ${server.binDir} ${old} && ${noPostgresClients}:${old}`;
  const result = await withMounts(onlyOld, ['backup', newer.url('postgres'), '--to', kept], {});
  assertFailed(result, {
    status: 2,
    says: [/pg_dump 15\.\d+ can't work with a PostgreSQL 18\.\S+ server/, /apt install postgresql-client-18/],
  });
  assert.deepEqual(await filesIn(kept), []);
});

test('doctor finds a vault that can’t be written, a server that is down and a wrong password', async (t) => {
  const folder = await scratchFolder(t);
  await writeFile(
    `${folder}/holdfast.yaml`,
    JSON.stringify({
      stores: { good: { type: 'local', path: './good' }, bad: { type: 'local', path: '/proc/nowhere' } },
      vaults: { good: { type: 'archive', store: 'good' }, bad: { type: 'archive', store: 'bad' } },
      jobs: {
        works: { sources: [{ type: 'postgres', url: server.url('shop') }], vaults: ['good'] },
        locked: { sources: [{ type: 'postgres', url: at('postgres:wrong', 'shop') }], vaults: ['good'] },
      },
    }),
  );
  const result = await runHoldfast(['doctor'], { cwd: folder });
  assert.equal(result.status, 2);
  assertForUsers(result);
  assert.match(result.stdout, /^ok +vault good: .* can be written/m);
  assert.match(result.stdout, /^FAIL +vault bad: .*\/proc\/nowhere/m);
  assert.match(result.stdout, /^ok +job works: postgres shop/m);
  assert.match(result.stdout, /^FAIL +job locked: .*password authentication failed/m);
  assert.deepEqual(await filesIn(`${folder}/good`), [], 'the probe is gone');
});
