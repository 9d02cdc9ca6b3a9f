import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import {
  fillServer,
  fingerprint,
  fingerprintDatabase,
  fingerprintGlobals,
  fixtureDatabases,
} from '../fixtures/postgres-fixture.ts';
import { runWithInput, startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { s3Environment } from './s3-environment.ts';
import { filesIn, holdfast, listPoints, pointOf, scratchFolder } from './scratch.ts';

let origin: PostgresServer;
let s3: S3Server;
let expected: Awaited<ReturnType<typeof fingerprint>>;

before(async () => {
  [origin, s3] = await Promise.all([startPostgres(), sharedS3Server()]);
  await fillServer(origin);
  expected = await fingerprint(origin);
});

after(async () => {
  await Promise.all([origin.stop(), s3.stop()]);
});

async function emptyServer(t: TestContext): Promise<PostgresServer> {
  const server = await startPostgres();
  t.after(() => server.stop());
  return server;
}

/** Roles first, then each database, as docs/restore.md says; the address names the server alone. */
async function restoreServer(from: string, target: PostgresServer, env = {}): Promise<void> {
  for (const source of ['globals', ...fixtureDatabases]) {
    const id = await pointOf(source, from, { env });
    await holdfast(['restore', id, '--from', from, '--to', target.url('')], { env });
  }
}

test('a whole server comes back equal on an empty one, from a disk and from S3, out of one reading', async (t) => {
  const disk = await scratchFolder(t);
  const bucket = `s3://${await s3.createBucket()}/servers`;
  const env = s3Environment(s3);
  const { stdout } = await holdfast(
    ['backup', origin.url(''), '--databases', '*', '--databases', '!postgres', '--to', bucket, '--to', disk],
    { env },
  );
  assert.match(stdout, /^Done\. .* of 4 source\(s\)/m);
  assert.deepEqual([...(await listPoints(disk)).keys()].toSorted(), ['globals', ...fixtureDatabases].toSorted());

  const [fromDisk, fromBucket] = [await emptyServer(t), await emptyServer(t)];
  await restoreServer(disk, fromDisk);
  await restoreServer(bucket, fromBucket, env);
  assert.deepEqual(await fingerprint(fromDisk), expected);
  assert.deepEqual(await fingerprint(fromBucket), expected);
});

test('in the custom format, encrypted and with zstd, a whole server comes back equal too', async (t) => {
  const disk = await scratchFolder(t);
  const env = { HOLDFAST_PASSPHRASE: 'correct horse battery staple' };
  const how = ['--format', 'custom', '--compression', 'zstd:3', '--encryption', 'openssl'];
  await holdfast(['backup', origin.url(''), '--databases', '*', '--to', disk, ...how], { env });
  const target = await emptyServer(t);
  await restoreServer(disk, target, env);
  assert.deepEqual(await fingerprint(target), expected);
});

/** Runs a line of a shell against a server, as a user without Holdfast would. */
async function shell(line: string, server: PostgresServer, cwd: string): Promise<void> {
  const env = { ...process.env, PGHOST: server.socketDir, PGPORT: String(server.port), PGUSER: server.user };
  const child = spawn('bash', ['-o', 'pipefail', '-c', line], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 0, `${line}\n${errors}`);
}

async function objectOf(folder: string, name: string): Promise<string> {
  const files = await filesIn(folder);
  const found = files.find((file) => file.endsWith(`/${name}`));
  assert.ok(found, `${name} is not among ${files.join(', ')}`);
  return found;
}

async function schema({ binDir, socketDir, port }: PostgresServer, database: string): Promise<string> {
  const args = ['-s', '-h', socketDir, '-p', String(port), '-U', 'postgres', '-d', database];
  const { status, stdout, stderr } = await runWithInput(join(binDir, 'pg_dump'), args);
  assert.equal(status, 0, stderr);
  return stdout.replaceAll(/^\\(?:un)?restrict .*$/gm, '');
}

test('psql and pg_restore alone read the same objects, by the command lines of docs/restore.md', async (t) => {
  const [plain, custom] = [await scratchFolder(t), await scratchFolder(t)];
  await holdfast(['backup', origin.url(''), '--databases', 'shop', '--to', plain]);
  await holdfast(['backup', origin.url('shop'), '--format', 'custom', '--to', custom]);
  const target = await emptyServer(t);

  await shell(`gunzip -c ${await objectOf(plain, 'globals.sql.gz')} | psql -X -q -d postgres`, target, plain);
  assert.equal(await fingerprintGlobals(target), expected.globals);

  await target.psql(
    'postgres',
    'CREATE DATABASE by_psql TEMPLATE template0; CREATE DATABASE by_pg_restore TEMPLATE template0;',
  );
  const sql = await objectOf(plain, 'shop.sql.gz');
  await shell(`gunzip -c ${sql} | psql -X -q -v ON_ERROR_STOP=1 --single-transaction -d by_psql`, target, plain);
  const dump = await objectOf(custom, 'shop.dump.gz');
  await shell(`gunzip -c ${dump} | pg_restore --exit-on-error -d by_pg_restore`, target, custom);
  for (const name of ['by_psql', 'by_pg_restore']) {
    const { tables, sequences, largeObjects } = await fingerprintDatabase(target, name);
    const shop = expected.databases['shop'];
    assert.deepEqual(
      { tables, sequences, largeObjects },
      {
        tables: shop?.tables,
        sequences: shop?.sequences,
        largeObjects: shop?.largeObjects,
      },
    );
    assert.equal(await schema(target, name), await schema(origin, 'shop'));
  }
});

test('show tells the versions and the rows of each table, and verify reads every byte back', async (t) => {
  const disk = await scratchFolder(t);
  await holdfast(['backup', origin.url('shop'), '--to', disk]);
  const { stdout } = await holdfast(['show', 'latest', '--from', disk]);
  assert.match(stdout, /PostgreSQL 15\./);
  assert.match(stdout, /pg_dump 15\./);
  assert.match(stdout, /public\.customers {2}1000$/m);
  const { stdout: verified } = await holdfast(['verify', 'latest', '--read-data', '--from', disk]);
  assert.match(verified, /shop {2}ok/);
});
